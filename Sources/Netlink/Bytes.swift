extension Collection<UInt8> {
  /// Reads a plain value at a byte offset, or nothing where the bytes end before it does.
  func load<T: BitwiseCopyable>(_ type: T.Type, at offset: Int = 0) -> T? {
    guard count >= offset + MemoryLayout<T>.size else { return nil }
    return dropFirst(offset).prefix(MemoryLayout<T>.size).withContiguousBytes {
      $0.loadUnaligned(as: T.self)
    }
  }

  private func withContiguousBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) } ?? Array(self).withUnsafeBytes(body)
  }

  /// The text up to the first NUL.
  var terminatedText: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
