/// Names of labs and hosts: they make the names of namespaces and folders, so that little is allowed.
func isLabName(_ name: String) -> Bool {
  guard let first = name.utf8.first, UInt8(ascii: "a")...UInt8(ascii: "z") ~= first else { return false }
  return name.utf8.count <= 24
    && name.utf8.allSatisfy {
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
        || $0 == UInt8(ascii: "-")
    }
}

/// The kernel's rule for interfaces, without the names that it keeps for settings of all of them.
func isInterfaceName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 15 && ![".", "..", "all", "default"].contains(name)
    && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
}

/// A plain file name: no folders, nothing hidden.
func isFileName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 64 && name.utf8.first != UInt8(ascii: ".")
    && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
}
