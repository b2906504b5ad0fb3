import CKernels
import Tensors
import TestSupport
import Testing

/// The kernels of quantised weights, each against loops that are written out here.
@Suite struct QuantizedKernelTests {
  typealias Product =
    @convention(c) (
      UnsafeMutablePointer<Float>?, UnsafeRawPointer?, UnsafeRawPointer?, UnsafePointer<UInt16>?, Int64, Int64, Int64,
      Int64, Int32, Int32
    ) -> Void

  /// Those that this CPU has, the portable one first.
  private static var products: [(name: String, product: Product)] {
    let cpu = CPU()
    var products: [(String, Product)] = unsafe [("portable", rn_quantized_rows_portable)]
    if cpu.hasAVX2 { unsafe products.append(("AVX2", rn_quantized_rows_avx2)) }
    if cpu.hasAVX2, cpu.hasAVXVNNI { unsafe products.append(("AVX-VNNI", rn_quantized_rows_avx_vnni)) }
    if cpu.hasAVX512, cpu.hasVNNI { unsafe products.append(("AVX-512 VNNI", rn_quantized_rows_avx512_vnni)) }
    return unsafe products
  }

  @Test func blocksOfEightBitsHaveTheLargestNumberAt127() {
    var numbers = [Float](repeating: 0, count: 64)
    (numbers[0], numbers[1], numbers[2], numbers[3], numbers[31]) = (-254, 2, 3, 5, 1)  // in steps of 2, ties to even
    let blocks = Quantized(numbers, isQ4: false)
    #expect(blocks.scales == [0x4000, 0])
    #expect(blocks.bytes[..<4].map { Int8(bitPattern: $0) } == [-127, 1, 2, 2])
    #expect(blocks.bytes[31] == 0 && blocks.bytes[32...].allSatisfy { $0 == 0 })
    #expect(blocks.widened[..<4] == [-254, 2, 4, 4])
  }

  @Test func blocksOfFourBitsHaveTheNumberOfLargestMagnitudeAtZero() {
    var numbers = [Float](repeating: 0, count: 32)
    (numbers[0], numbers[1], numbers[15], numbers[16], numbers[31]) = (16, -14, 6, -3, 15)
    let blocks = Quantized(numbers, isQ4: true)
    #expect(blocks.scales == [0xC000])  // 16 / -8
    // Halves are 8 + number / -2, at most 15: the low one is number j, the high one number j + 16.
    #expect(blocks.bytes[0] == 0xA0)  // 16 → 0; -3 → 8 + 2, the tie to even
    #expect(blocks.bytes[1] == 0x8F && blocks.bytes[15] == 0x05)  // 15 → 8 - 8 + … the tie 0.5 to even, 0
    #expect(blocks.widened[0] == 16 && blocks.widened[1] == -14 && blocks.widened[15] == 6)
  }

  /// With t = number / scale, a number becomes the level nearest to t: one of -127 … 127 or of -8 … 7. The scale is the
  /// Float16 nearest to largest / 127 or extreme / -8, so |t| is at most 127 or 8, times 1 + 2^-11 where the scale was
  /// rounded down. Beyond the last level of 8 bits lie 127 · 2^-11 = 0.06 steps, less than half a step. Of 4 bits the
  /// numbers above 7 steps lie beyond: they are off by t - 7, up to a step.
  @Test(arguments: [false, true]) func roundingIsOffByHalfAStepOrByWhatLiesBeyondSevenStepsOfFourBits(isQ4: Bool) {
    var generator = SeededGenerator(seed: 41)
    let numbers = (0..<32 * 500).map { _ in Float(Double(generator.next() >> 11) * 0x1p-53 * 2 - 1) }
    let blocks = Quantized(numbers, isQ4: isQ4)
    let widened = blocks.widened
    var largest = 0.0
    for (block, scale) in blocks.scales.enumerated() {
      let range = block * 32..<block * 32 + 32
      let extreme = numbers[range].max { $0.magnitude < $1.magnitude } ?? 0
      #expect(scale == Float16(isQ4 ? extreme / -8 : extreme.magnitude / 127).bitPattern)
      let step = Double(Float16(bitPattern: scale))
      for index in range {
        let t = Double(numbers[index]) / step
        let error = (Double(widened[index]) / step - t).magnitude
        // 1 / scale and its product with the number are Float32: t is off by up to 2^-23 of itself.
        #expect(error <= max(0.5, isQ4 ? t - 7 : 0) + t.magnitude * 0x1p-23)
        largest = max(largest, error)
      }
    }
    // The limits are met: no tighter ones hold.
    #expect(largest > (isQ4 ? 0.99 : 0.499))
  }

  /// The smallest scales are multiples of 2^-24, to nearest, ties to even. Numbers beyond the last level stay there.
  @Test(arguments: [false, true]) func scalesMayBeSubnormalOrZero(isQ4: Bool) {
    let unit: Float = isQ4 ? 8 : 127
    let cases: [(steps: Float, scale: UInt16)] = [
      (0.25, 0), (0.5, 0), (0.5 + 0x1p-12, 1), (1, 1), (1.5, 2), (2.5, 2), (3.5, 4), (1022, 1022), (1023, 1023),
      (1023.25, 1023), (1024, 0x400), (1025, 0x401),
    ]
    for (steps, scale) in cases {
      var numbers = [Float](repeating: 0, count: 32)
      let extreme = unit * steps * 0x1p-24
      (numbers[5], numbers[20]) = (-extreme, extreme / 4)
      let blocks = Quantized(numbers, isQ4: isQ4)
      #expect(blocks.scales == [scale], "\(steps)")
      let step = Float(Float16(bitPattern: scale))
      for index in [0, 5, 20] {
        let level = scale == 0 ? 0 : (numbers[index] / step).rounded(.toNearestOrEven)
        let held = min(max(level, isQ4 ? -8 : -127), isQ4 ? 7 : 127)
        #expect(blocks.widened[index] == held * step, "\(steps) at \(index)")
      }
    }
  }

  @Test(arguments: [false, true]) func productsAreThoseOfTheRoundedNumbersWithTheSameBitsInEveryKernel(isQ4: Bool) {
    for inputs in stride(from: 32, through: 1120, by: 32) {
      for (outputs, rows) in [(1, 1), (3, 2), (4, 16), (9, 5), (6, 1), (5, 4)] where inputs < 300 || outputs > 4 {
        for accumulate in [false, true] { check(rows, outputs, inputs, isQ4: isQ4, accumulate: accumulate) }
      }
    }
  }

  private func check(_ rows: Int, _ outputs: Int, _ inputs: Int, isQ4: Bool, accumulate: Bool) {
    var generator = SeededGenerator(seed: UInt64(rows * outputs * inputs))
    func draw(_ count: Int) -> [Float] { (0..<count).map { _ in Float(Double(generator.next() >> 11) * 0x1p-52 - 1) } }
    let (weights, x, start) = (Quantized(draw(outputs * inputs), isQ4: isQ4), draw(rows * inputs), draw(rows * outputs))
    let (rounded, widened) = ((0..<x.count / 32).flatMap { roundedRow(x, block: $0) }, weights.widened)
    let found = unsafe Self.products.map { unsafe weights.product($0.product, x, start, rows, outputs, accumulate) }
    for (index, kernel) in found.enumerated() where kernel != found[0] {
      unsafe Issue.record("\(rows)×\(outputs)×\(inputs): \(Self.products[index].name) differs from the portable one")
    }
    for row in 0..<rows {
      for output in 0..<outputs {
        var (sum, size) = (accumulate ? Double(start[row * outputs + output]) : 0, 1.0)
        for input in 0..<inputs {
          let term = rounded[row * inputs + input] * Double(widened[output * inputs + input])
          sum += term
          size += term.magnitude
        }
        // A sum of up to 70 products of three roundings each, relative to the terms' magnitudes.
        let error = (Double(found[0][row * outputs + output]) - sum).magnitude
        if !(error <= 4e-7 * size) { Issue.record("\(rows)×\(outputs)×\(inputs): off by \(error)") }
      }
    }
  }

  /// A block of a row as the products read it: 255 steps of the largest magnitude / 127.
  private func roundedRow(_ x: [Float], block: Int) -> [Double] {
    let numbers = x[block * 32..<block * 32 + 32]
    let largest = numbers.map(\.magnitude).max() ?? 0
    let (inverse, scale) = (127 / largest, largest / 127)
    return numbers.map { Double(($0 * inverse).rounded(.toNearestOrEven)) * Double(scale) }
  }

  @Test(arguments: [false, true]) func aRowThatIsNotFiniteGivesNaN(isQ4: Bool) {
    let weights = Quantized([Float](repeating: 1, count: 160), isQ4: isQ4)
    for bad in [Float.nan, .infinity, -.infinity] {
      var x = [Float](repeating: 0.5, count: 160)
      x[100] = bad
      for unsafe(name, product) in unsafe Self.products {
        #expect(unsafe weights.product(product, x, [0], 1, 1, false)[0].isNaN, "\(name), \(bad)")
      }
    }
  }

  @Test func aRowOfZerosGivesZero() {
    let weights = Quantized((0..<96).map { Float($0) }, isQ4: true)
    for unsafe(_, product) in unsafe Self.products {
      #expect(unsafe weights.product(product, [Float](repeating: 0, count: 96), [7], 1, 1, false) == [0])
    }
  }

  @Test func eightBitsMayBeMinus128() {
    // No writer of ours makes it, but a file may hold it.
    var weights = Quantized([Float](repeating: -1, count: 64), isQ4: false)
    weights.bytes = [UInt8](repeating: 0x80, count: 64)
    let found = unsafe Self.products.map {
      unsafe weights.product($0.product, [Float](repeating: 2, count: 64), [0], 1, 1, false)
    }
    #expect(found.allSatisfy { $0 == found[0] })
    let scale = Double(Float(Float16(1 / 127.0 as Float)))
    #expect((Double(found[0][0]) / (-128 * scale * 2 * 64) - 1).magnitude < 1e-6)
  }
}

/// Rows of weights in blocks.
private struct Quantized {
  let isQ4: Bool
  var bytes: [UInt8]
  private(set) var scales: [UInt16]

  init(_ numbers: [Float], isQ4: Bool) {
    self.isQ4 = isQ4
    let blocks = numbers.count / 32
    bytes = [UInt8](repeating: 0xEE, count: blocks * (isQ4 ? 16 : 32))
    scales = [UInt16](repeating: 0, count: blocks)
    unsafe bytes.withUnsafeMutableBytes { bytes in
      unsafe scales.withUnsafeMutableBufferPointer { scales in
        if isQ4 {
          unsafe rn_quantize_q4_0(
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), scales.baseAddress, numbers, Int64(blocks))
        } else {
          unsafe rn_quantize_q8_0(
            bytes.baseAddress?.assumingMemoryBound(to: Int8.self), scales.baseAddress, numbers, Int64(blocks))
        }
      }
    }
  }

  /// The numbers that the blocks stand for.
  var widened: [Float] {
    var numbers = [Float](repeating: .nan, count: scales.count * 32)
    if isQ4 {
      unsafe rn_dequantize_q4_0(&numbers, bytes, scales, Int64(scales.count))
    } else {
      unsafe bytes.withUnsafeBytes { bytes in
        unsafe rn_dequantize_q8_0(
          &numbers, bytes.baseAddress?.assumingMemoryBound(to: Int8.self), scales, Int64(scales.count))
      }
    }
    return numbers
  }

  func product(
    _ product: QuantizedKernelTests.Product, _ x: [Float], _ start: [Float], _ rows: Int, _ outputs: Int,
    _ accumulate: Bool
  ) -> [Float] {
    let inputs = x.count / rows
    let byteCount = Int(rn_prepared_byte_count(Int64(inputs), isQ4 ? 1 : 0))
    // Numbers of a prepared row need the alignment of Int32.
    var prepared = [Int32](repeating: -1, count: rows * byteCount / 4)
    var y = start
    unsafe prepared.withUnsafeMutableBytes { prepared in
      unsafe x.withUnsafeBufferPointer { x in
        for row in 0..<rows {
          guard let to = prepared.baseAddress, let from = x.baseAddress else { continue }
          unsafe rn_prepare_row(to + row * byteCount, from + row * inputs, Int64(inputs), isQ4 ? 1 : 0)
        }
      }
      unsafe product(
        &y, prepared.baseAddress, bytes, scales, Int64(rows), Int64(outputs), Int64(inputs), Int64(outputs),
        isQ4 ? 1 : 0, accumulate ? 1 : 0)
    }
    return y
  }
}
