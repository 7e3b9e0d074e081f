/// Marks that one routing rule stands for: those that have `mark`'s bits where `mask` has ones.
///
/// Every rule costs every routing decision of the host a little, and marks in a row need few.
struct MarkBlock: Hashable {
  var mark: UInt32
  var mask: UInt32

  /// Blocks that hold these marks and no others, as few as masks that begin with ones allow.
  static func cover(_ marks: some Collection<UInt32>) -> [MarkBlock] {
    let sorted = marks.sorted()
    var blocks: [MarkBlock] = []
    var position = 0
    while position < sorted.count {
      let first = sorted[position]
      // The largest block that begins here; its marks are all there if its last stands where it then must.
      var size = 1
      while size < 1 << 31, first & UInt32(truncatingIfNeeded: size * 2 - 1) == 0,
        position + size * 2 <= sorted.count, sorted[position + size * 2 - 1] == first + UInt32(size * 2 - 1)
      {
        size *= 2
      }
      blocks.append(MarkBlock(mark: first, mask: ~UInt32(size - 1)))
      position += size
    }
    return blocks
  }
}
