import Tensors
import Testing

@Suite struct ConversionsTests {
  private static let all = (0...UInt16.max).map { $0 }

  @Test func everyBFloat16ComesBack() {
    let tensor = widened(Self.all, .bfloat16)
    for (pattern, value) in zip(Self.all, tensor.values) {
      #expect(value.bitPattern == UInt32(pattern) << 16)
    }
    for (found, pattern) in zip(narrowed(tensor, .bfloat16), Self.all) where !isNaN(pattern, .bfloat16) {
      #expect(found == pattern)
    }
  }

  @Test func everyFloat16ComesBack() {
    let tensor = widened(Self.all, .float16)
    for (pattern, value) in zip(Self.all, tensor.values) where !isNaN(pattern, .float16) {
      #expect(value.bitPattern == Float(Float16(bitPattern: pattern)).bitPattern, "\(pattern)")
    }
    for (found, pattern) in zip(narrowed(tensor, .float16), Self.all) where !isNaN(pattern, .float16) {
      #expect(found == pattern)
    }
  }

  @Test(arguments: [NumberFormat.bfloat16, .float16]) func notANumberStaysSo(format: NumberFormat) {
    let patterns = Self.all.filter { isNaN($0, format) }
    let tensor = widened(patterns, format)
    #expect(tensor.values.allSatisfy { $0.isNaN })
    #expect(narrowed(tensor, format).allSatisfy { isNaN($0, format) })
    // A payload that lies in the lost bits only.
    let small = Tensor(Shape(2), [Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFF80_0001)])
    #expect(narrowed(small, format).allSatisfy { isNaN($0, format) })
  }

  @Test func float16RoundsToNearestTiesToEven() {
    let values = samples.map(Float.init(bitPattern:)).filter { !$0.isNaN }
    let found = narrowed(Tensor(Shape(values.count), values), .float16)
    for (value, pattern) in zip(values, found) where Float16(value).bitPattern != pattern {
      Issue.record("\(value): expected \(Float16(value).bitPattern), found \(pattern)")
    }
  }

  @Test func bfloat16RoundsToNearestTiesToEven() {
    let values = samples.map(Float.init(bitPattern:)).filter(\.isFinite)
    let found = narrowed(Tensor(Shape(values.count), values), .bfloat16)
    for (value, pattern) in zip(values, found) where nearestBFloat16(value) != pattern {
      Issue.record("\(value): expected \(nearestBFloat16(value)), found \(pattern)")
    }
  }

  @Test(arguments: NumberFormat.allCases) func bytesNeedNoAlignmentAndComeInPieces(format: NumberFormat) {
    // More than a piece of reading (4,096) and of writing (65,536), and not a multiple.
    let count = 70_001
    let tensor = Tensor(Shape(count), (0..<count).map { Float($0 % 127) - 64 })
    var bytes: [UInt8] = [0xFF]
    tensor.withBytes(in: format) { piece in
      unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
    #expect(bytes.count == 1 + count * format.byteCount)
    let read = unsafe Tensor(Shape(count), bytes: bytes.span.bytes.extracting(1..<bytes.count), format: format)
    #expect(read.values == tensor.values)
  }

  /// Bit patterns of Float32: every 4,099th, and the neighbourhood of every tie and limit of the 16-bit formats.
  private var samples: [UInt32] {
    var result = stride(from: UInt32(0), through: UInt32.max - 4099, by: 4099).map { $0 }
    for pattern in stride(from: UInt16(0), through: 0x7C00, by: 7) {
      for sign in [UInt32(0), 0x8000_0000] {
        let exact = Float(Float16(bitPattern: pattern)).bitPattern | sign
        for distance in [0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF] as [UInt32] { result.append(exact &+ distance) }
        let wide = UInt32(pattern) << 17 | sign
        for distance in [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x18000] as [UInt32] { result.append(wide &+ distance) }
      }
    }
    for limit in [Float(65504), 65520, 0x1p-14, 0x1p-24, 0x1p-25, .greatestFiniteMagnitude, .leastNormalMagnitude] {
      for distance in 0..<40 as Range<UInt32> { result.append(limit.bitPattern &+ distance &- 20) }
    }
    return result
  }

  /// The neighbour that is nearer, by distances in Float64; the even one of two equally near.
  private func nearestBFloat16(_ value: Float) -> UInt16 {
    let (lower, upper) = (UInt16(value.bitPattern >> 16), UInt16(value.bitPattern >> 16) + 1)
    func number(_ pattern: UInt16) -> Double {
      // What rounds to infinity lies beyond half a step to 2^128.
      pattern & 0x7FFF == 0x7F80 ? 0x1p128 : abs(Double(Float(bitPattern: UInt32(pattern) << 16)))
    }
    let magnitude = abs(Double(value))
    let (below, above) = (magnitude - number(lower), number(upper) - magnitude)
    if below == above { return lower & 1 == 0 ? lower : upper }
    return below < above ? lower : upper
  }

  private func isNaN(_ pattern: UInt16, _ format: NumberFormat) -> Bool {
    pattern & 0x7FFF > (format == .bfloat16 ? 0x7F80 : 0x7C00)
  }

  private func widened(_ patterns: [UInt16], _ format: NumberFormat) -> Tensor {
    unsafe Tensor(Shape(patterns.count), bytes: patterns.span.bytes, format: format)
  }

  private func narrowed(_ tensor: Tensor, _ format: NumberFormat) -> [UInt16] {
    var result: [UInt16] = []
    tensor.withBytes(in: format) { piece in
      unsafe piece.withUnsafeBytes { unsafe result.append(contentsOf: $0.bindMemory(to: UInt16.self)) }
    }
    return result
  }
}
