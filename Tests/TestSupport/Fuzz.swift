internal import Foundation
package import Testing

/// Gives a reader inputs that are wrong at random, and holds it to its limits: 5 seconds for an input (`FuzzWatch`), and
/// so many bytes of memory, the input's own included (not under sanitizers, which replace malloc).
///
/// An input depends on the reader's name and the input's number alone, so that one can be made again. The environment
/// says what is read (scripts/fuzz.sh): `RETNET_FUZZ` is the number of inputs of all readers together, and
/// `RETNET_FUZZ_FIRST` the number of each reader's first one, from 1.
///
/// - Parameters:
///   - reader: A name that no other call has.
///   - usual: How many of the suite's inputs are for this reader.
///   - accepted: Which part of many inputs is accepted: damage that is never or always noticed tests nothing.
///   - memory: The most bytes that are in use at once on the calling thread.
///   - sourceLocation: Where a failure is reported.
///   - read: Makes an input and reads it. What it refuses it catches, and what it throws is a failure.
///     - damage: Makes this input wrong.
///     - input: The input by name, for messages.
///     - Returns: Whether the input was accepted.
package func fuzz(
  _ reader: String, inputs usual: Int, accepted: ClosedRange<Double> = 0.01...0.75, memory: Int = 4 << 20,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ read: (_ damage: inout Damage, _ input: String) throws -> Bool
) {
  let environment = ProcessInfo.processInfo.environment
  let total = environment["RETNET_FUZZ"].flatMap { Int($0) } ?? fuzzedInputsOfTheSuite
  let first = environment["RETNET_FUZZ_FIRST"].flatMap { Int($0) } ?? 1
  let count = max(1, usual * total / fuzzedInputsOfTheSuite)
  let watch = FuzzWatch(reader: reader, folder: environment["RETNET_FUZZ_FOLDER"])
  var (acceptedCount, largest) = (0, 0)
  for number in first..<first + count {
    watch.begin(number)
    var damage = Damage(seed: seed(reader, number))
    let input = "\(reader), input \(number)"
    do {
      let (isAccepted, byteCount) = try withPeakMemory { try read(&damage, input) }
      if isAccepted { acceptedCount += 1 }
      #expect(byteCount <= memory, "\(input)", sourceLocation: sourceLocation)
      largest = max(largest, byteCount)
    } catch {
      Issue.record("\(input): \(error)", sourceLocation: sourceLocation)
    }
  }
  watch.end(inputs: count, accepted: acceptedCount, peak: largest)
  if count >= 100 {
    let part = Double(acceptedCount) / Double(count)
    #expect(accepted.contains(part), "\(reader): \(acceptedCount) accepted", sourceLocation: sourceLocation)
  }
}

/// What every call's `usual` adds up to.
private let fuzzedInputsOfTheSuite = 20_000

private func seed(_ reader: String, _ number: Int) -> UInt64 {
  let name = reader.utf8.reduce(UInt64(0)) { $0 &* 257 &+ UInt64($1) }
  // One draw in between: seeds next to each other would give sequences that overlap.
  var generator = SeededGenerator(seed: name &+ UInt64(number))
  return generator.next()
}
