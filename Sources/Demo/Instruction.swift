import CLibbpf

/// The few BPF instructions of the measurement's two programs (RFC 9669).
enum Instruction {
  /// r0 holds results, r1 to r5 arguments, r6 to r9 survive calls.
  typealias Register = UInt8

  static func move(_ target: Register, _ source: Register) -> bpf_insn { make(0xBF, target, source) }
  static func move(_ target: Register, value: Int32) -> bpf_insn { make(0xB7, target, value: value) }
  static func add(_ target: Register, value: Int32) -> bpf_insn { make(0x07, target, value: value) }
  static func and(_ target: Register, value: Int32) -> bpf_insn { make(0x57, target, value: value) }
  /// Byte order to or from big endian, of 16 bits.
  static func bigEndian16(_ target: Register) -> bpf_insn { make(0xDC, target, value: 16) }
  static func load32(_ target: Register, _ base: Register, _ offset: Int16) -> bpf_insn {
    make(0x61, target, base, offset)
  }
  static func load16(_ target: Register, _ base: Register, _ offset: Int16) -> bpf_insn {
    make(0x69, target, base, offset)
  }
  static func load8(_ target: Register, _ base: Register, _ offset: Int16) -> bpf_insn {
    make(0x71, target, base, offset)
  }
  static func store32(_ base: Register, _ offset: Int16, value: UInt32) -> bpf_insn {
    make(0x62, base, 0, offset, value: Int32(bitPattern: value))
  }
  static func store16(_ base: Register, _ offset: Int16, _ source: Register) -> bpf_insn {
    make(0x6B, base, source, offset)
  }
  /// Jumps so many instructions ahead if the first is greater, without a sign.
  static func ifGreater(_ first: Register, _ second: Register, skip: Int16) -> bpf_insn {
    make(0x2D, first, second, skip)
  }
  static func ifNot(_ register: Register, _ value: Int32, skip: Int16) -> bpf_insn {
    make(0x55, register, 0, skip, value: value)
  }
  static func call(_ helper: Int) -> bpf_insn { make(0x85, 0, value: Int32(helper)) }
  static let exit = make(0x95, 0)

  private static func make(
    _ code: UInt8, _ target: Register, _ source: Register = 0, _ offset: Int16 = 0, value: Int32 = 0
  ) -> bpf_insn {
    bpf_insn(code: code, dst_reg: target, src_reg: source, off: offset, imm: value)
  }
}
