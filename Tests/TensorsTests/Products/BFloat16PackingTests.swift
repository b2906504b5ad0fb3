import CKernels
import Tensors
import Testing

/// Both packing kernels on the same numbers.
@Suite struct BFloat16PackingTests {
  @Test(.enabled(if: CPU().hasBF16Product), arguments: [8, 16] as [Int32], [0, 1] as [Int32])
  func equalsThePortableOneForEveryKindOfNumber(width: Int32, isAlong: Int32) {
    // Every 4,099th pattern of Float32: subnormals, infinities and NaN among them.
    let numbers = stride(from: UInt32(0), through: .max - 4099, by: 4099).map(Float.init(bitPattern:))
    let inner = numbers.count / 48
    expectSamePanels(numbers, lanes: 48, inner: inner, width: width, isAlong: isAlong)
  }

  @Test(.enabled(if: CPU().hasBF16Product), arguments: [8, 16] as [Int32], [0, 1] as [Int32])
  func equalsThePortableOneForEverySmallSize(width: Int32, isAlong: Int32) {
    let numbers = (0..<70 * 70).map { (index: Int) -> Float in 1 + Float(index % 251) / 300 }
    for lanes in Array(1...17) + [31, 33, 64, 65, 70] {
      for inner in Array(1...35) + [63, 64, 65] {
        expectSamePanels(numbers, lanes: lanes, inner: inner, width: width, isAlong: isAlong)
      }
    }
  }

  /// Weights that are bfloat16 already: as if they were rounded once more.
  @Test func weightsAreTakenAsTheyAre() {
    let numbers = (0..<16 * 70).map { (index: Int) -> Float in Float(1 + index % 251) / 128 }
    let halves = numbers.map { UInt16($0.bitPattern >> 16) }
    for lanes in 1...16 {
      for inner in Array(1...35) + [63, 64, 65, 70] {
        let expected = unsafe packed(numbers, lanes: lanes, inner: inner, width: 16, isAlong: 1, rn_bf16_pack_portable)
        var panel = [UInt16](repeating: 0x7FAB, count: expected.count + 1)
        unsafe rn_bf16_pack_weights_portable(&panel, halves, Int64(lanes), Int64(inner), Int64(inner))
        #expect(panel == expected + [0x7FAB], "\(lanes) lanes of \(inner), portable")
        guard CPU().hasBF16Product else { continue }
        panel = [UInt16](repeating: 0x7FAB, count: expected.count + 1)
        unsafe rn_bf16_pack_weights(&panel, halves, Int64(lanes), Int64(inner), Int64(inner))
        #expect(panel == expected + [0x7FAB], "\(lanes) lanes of \(inner)")
      }
    }
  }

  @Test(arguments: [8, 16]) func laysPairsOfEachLaneSideBySide(width: Int) {
    // Lane l holds l + 1 and, of three numbers, its multiples; all are exact in bfloat16.
    let numbers = (0..<5).flatMap { lane in (1...3).map { Float((lane + 1) * $0) } }
    let panels = unsafe packed(numbers, lanes: 5, inner: 3, width: Int32(width), isAlong: 1, rn_bf16_pack_portable)
    for (index, pattern) in panels.enumerated() {
      let (panel, place) = (index / (4 * width), index % (4 * width))
      let (lane, k) = (panel * width + place % (2 * width) / 2, place / (2 * width) * 2 + place % 2)
      let expected = lane < 5 && k < 3 ? Float((lane + 1) * (k + 1)) : 0
      #expect(Float(bitPattern: UInt32(pattern) << 16) == expected)
    }
  }

  private typealias Pack =
    (UnsafeMutablePointer<UInt16>?, UnsafePointer<Float>?, Int64, Int64, Int64, Int32, Int32) -> Void

  private func expectSamePanels(_ numbers: [Float], lanes: Int, inner: Int, width: Int32, isAlong: Int32) {
    let fast = unsafe packed(numbers, lanes: lanes, inner: inner, width: width, isAlong: isAlong, rn_bf16_pack)
    let twin = unsafe packed(numbers, lanes: lanes, inner: inner, width: width, isAlong: isAlong, rn_bf16_pack_portable)
    #expect(fast == twin, "\(lanes) lanes of \(inner)")
  }

  private func packed(
    _ numbers: [Float], lanes: Int, inner: Int, width: Int32, isAlong: Int32, _ pack: Pack
  ) -> [UInt16] {
    // One more than is to be written; the poison is no number's pattern here.
    let count = (lanes + 15) / 16 * 16 * ((inner + 1) / 2 * 2)
    var panels = [UInt16](repeating: 0x7FAB, count: count + 1)
    let stride = isAlong == 1 ? inner : lanes
    unsafe panels.withUnsafeMutableBufferPointer { panels in
      unsafe numbers.withUnsafeBufferPointer { numbers in
        unsafe pack(panels.baseAddress, numbers.baseAddress, Int64(lanes), Int64(inner), Int64(stride), isAlong, width)
      }
    }
    #expect(panels.removeLast() == 0x7FAB)
    return panels
  }
}
