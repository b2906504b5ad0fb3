internal import CKernels

/// The kernels of a bfloat16 product (kernels.h): those with the CPU's instruction, or their portable twins.
struct BFloat16Kernels {
  let isPortable: Bool

  /// Rounds lanes of A to bfloat16 and packs them. A lane is a row of A, or a column if A is read transposed.
  ///
  /// - Parameters:
  ///   - panels: Receives the panels.
  ///   - a: [rows, inner] if `isAlong`, else [inner, rows].
  ///   - rows: The lanes to pack.
  ///   - block: Part of the inner extent.
  ///   - isAlong: Whether the inner extent runs along a row of `a`.
  func packRows(
    _ panels: UnsafeMutablePointer<UInt16>, _ a: Matrix, _ rows: Range<Int>, _ block: Range<Int>, isAlong: Bool
  ) {
    unsafe pack(panels, a, rows, block, isAlong, RN_BF16_ROWS)
  }

  /// The same for columns of B.
  func packColumns(
    _ panels: UnsafeMutablePointer<UInt16>, _ b: Matrix, _ columns: Range<Int>, _ block: Range<Int>, isAlong: Bool
  ) {
    unsafe pack(panels, b, columns, block, isAlong, RN_BF16_COLUMNS)
  }

  /// C [rows, columns] = the product of packed panels, added to C if `accumulate`.
  func multiply(
    _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, _ rows: Int,
    _ columns: Int, _ inner: Int, _ stride: Int, _ accumulate: Bool
  ) {
    let multiply = unsafe isPortable ? rn_bf16_multiply_portable : rn_bf16_multiply
    unsafe multiply(c, a, b, Int64(rows), Int64(columns), Int64(inner), Int64(stride), accumulate ? 1 : 0)
  }

  private func pack(
    _ panels: UnsafeMutablePointer<UInt16>, _ x: Matrix, _ lanes: Range<Int>, _ block: Range<Int>, _ isAlong: Bool,
    _ width: Int
  ) {
    let (lane, start) = (lanes.lowerBound, block.lowerBound)
    let from = unsafe x.pointer + (isAlong ? lane * x.stride + start : start * x.stride + lane)
    let pack = unsafe isPortable ? rn_bf16_pack_portable : rn_bf16_pack
    unsafe pack(
      panels, from, Int64(lanes.count), Int64(block.count), Int64(x.stride), isAlong ? 1 : 0, Int32(width))
  }
}
