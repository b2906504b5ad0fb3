import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct HostileFileTests {
  static let originals = [
    HandMadeFile(
      #"{"__metadata__":{"format":"pt","note":"\u00e9\"\ud83d\ude00é"},"#
        + #""a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
        + #""b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"#
        + #""c":{"dtype":"F4","shape":[2,5],"data_offsets":[32,37]},"#
        + #""empty":{"dtype":"I64","shape":[0,7],"data_offsets":[37,37]},"#
        + #""one":{"dtype":"BOOL","shape":[],"data_offsets":[37,38]}}   "#,
      data: [UInt8](0..<38)),
    HandMadeFile(#"{"t":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}}"#, data: [UInt8](0..<16)),
    HandMadeFile(#"{"__metadata__":{"k":"v"}}"#),
  ]

  /// Half the time the header's length stays true, to get past the first checks.
  private func mutated(_ damage: inout Damage) -> HandMadeFile {
    let file = damage.pick(Self.originals)
    guard damage.once(in: 2) else {
      var mutated = file
      mutated.bytes = damage.damaged(file.bytes)
      return mutated
    }
    let length = file.bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = damage.damagedText(Array(file.bytes[8..<8 + length]))
    return HandMadeFile(header: header, data: Array(file.bytes[(8 + length)...]))
  }

  @Test("C23: damaged files load consistently or throw")
  func survivesMutations() {
    fuzz("safetensors header", inputs: 2_000) { damage, input in
      let file = mutated(&damage)
      do throws(CheckpointError) {
        try expectConsistent(try file.load(), in: file, input)
        return true
      } catch {
        // Whatever the damaged file says, the message is one line of printable text.
        #expect(error.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }, "\(input)")
        #expect(error.description.hasPrefix("m: "), "\(input)")
        return false
      }
    }
  }

  private func expectConsistent(
    _ header: SafetensorsHeader, in file: HandMadeFile, _ input: String
  ) throws(CheckpointError) {
    var end = file.bytes.count - header.tensors.reduce(0) { $0 + $1.byteCount }
    for (tensor, range) in zip(header.tensors, header.ranges) {
      #expect(range.lowerBound == end && range.count == tensor.byteCount, "\(input)")
      #expect(tensor.dataType.byteCount(ofShape: tensor.shape) == tensor.byteCount, "\(input)")
      end = range.upperBound
    }
    #expect(end == file.bytes.count, "\(input)")
    #expect(header.indices.count == header.tensors.count && header.ranges.count == header.tensors.count, "\(input)")
  }

  @Test("C23: damaged files on a disk")
  func survivesMutationsOnDisk() throws {
    let folder = try TemporaryFolder()
    fuzz("safetensors file", inputs: 500) { damage, input in
      let file = mutated(&damage)
      let path = try folder.replace("m", file.bytes)
      do {
        let loaded = try SafetensorsFile(path: path)
        var total = 0
        for tensor in loaded.tensors {
          total += try loaded.withBytes(of: tensor.name) { Array(copying: $0).count }
        }
        #expect(total <= file.bytes.count, "\(input)")
        return true
      } catch let error as CheckpointError {
        #expect(error.description.hasPrefix(path), "\(input)")
        return false
      }
    }
  }

  @Test("C23: headers of other tensors: overlapping, endless, repeated, deep")
  func survivesOtherHeaders() {
    fuzz("safetensors tensors", inputs: 1_100) { damage, input in
      var members: [String] = []
      var end = 0
      for index in 0..<damage.number(below: 5) {
        let name = damage.once(in: 20) ? "t0" : damage.once(in: 40) ? "__metadata__" : "t\(index)"
        let shape = (0..<damage.number(below: 4)).map { _ in
          damage.once(in: 12) ? damage.extreme() : damage.number(below: 4)
        }
        let type = damage.pick(DataType.allCases)
        let size = shape.allSatisfy { $0 >= 0 } ? type.byteCount(ofShape: shape) ?? 8 : 8
        let begin = damage.once(in: 20) ? damage.extreme(end) : end
        end = damage.once(in: 20) ? damage.extreme(end) : end &+ size
        let wrapped = damage.once(in: 40) ? "[\(shape)]" : "\(shape)"
        members.append(
          #""\#(name)":{"dtype":"\#(type.rawValue)","shape":\#(wrapped),"data_offsets":[\#(begin),\#(end)]}"#)
      }
      if damage.once(in: 4) { members.append(#""__metadata__":{"a":"b"}"#) }
      members.shuffle(using: &damage.random)
      let dataByteCount = damage.once(in: 20) ? damage.number(below: 100) : max(0, min(end, 1 << 12))
      let file = HandMadeFile(
        "{" + members.joined(separator: ",") + "}", data: [UInt8](repeating: 0, count: dataByteCount))
      do throws(CheckpointError) {
        try expectConsistent(try file.load(), in: file, input)
        return true
      } catch {
        #expect(error.description.hasPrefix("m: "), "\(input)")
        return false
      }
    }
  }

  @Test("W3, W4, W5: damaged indices of shards")
  func survivesDamagedIndices() throws {
    let folder = try TemporaryFolder()
    _ = try folder.add("a", HandMadeFile(#"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: [1]).bytes)
    let original = Array(#"{"metadata":{"total_size":1,"n":[{},null,-1e9]},"weight_map":{"x":"a"}}"#.utf8)
    fuzz("index of shards", inputs: 1_000) { damage, input in
      let path = try folder.replace("i", damage.damagedText(original))
      do throws(CheckpointError) {
        let file = try WeightsFile(path: path)
        #expect(file.tensors.allSatisfy { $0.name == "x" }, "\(input)")
        return true
      } catch {
        #expect(error.description.hasPrefix(folder.path), "\(input)")
        return false
      }
    }
  }

  /// A header that exhausts the stack, the memory or the patience of a careless reader.
  struct Giant: CustomTestStringConvertible {
    let name: String
    let text: String
    let error: CheckpointError
    var testDescription: String { name }

    static let nesting = Giant(
      name: "nesting",
      text: #"{"t":"# + String(repeating: "[", count: 5_000_000),
      error: .text(5, "an object with dtype, shape and data_offsets", "'" + String(repeating: "[", count: 24) + "'"))
    static let combiningMarks = Giant(
      name: "combining marks",
      text: #"{"a"# + String(repeating: "\u{301}\u{323}", count: 1_000_000) + #"":{}}"#,
      error: .text(2, "at most 1024 bytes", "4000001"))
    static let digits = Giant(
      name: "digits",
      text: #"{"t":{"shape":["# + String(repeating: "9", count: 5_000_000) + "]}}",
      error: .text(15, "an integer from 0 to 9223372036854775807", "'" + String(repeating: "9", count: 24) + "'"))
    static let escapes = Giant(
      name: "escapes",
      text: #"{"__metadata__":{"a":""# + String(repeating: #"\u0061"#, count: 500_000),
      error: .text(3_000_022, "a closing quotation mark", "the end of the header"))
    static let sizes = Giant(
      name: "sizes",
      text: #"{"t":{"data_offsets":[0,1],"dtype":"U8","shape":["# + String(repeating: "2,", count: 1_000_000) + "2]}}",
      error: .t("a shape of whole bytes, less than 2^63 bits", "U8 [2, 2, 2, 2, 2, 2, 2, 2, …]"))
  }

  @Test("C23: giant headers", arguments: [Giant.nesting, .combiningMarks, .digits, .escapes, .sizes])
  func endsQuickly(giant: Giant) {
    #expect(throws: giant.error) { try HandMadeFile(giant.text).load() }
  }

  @Test func messagesAreShortAndPrintable() {
    let name = "\u{1B}[2J\n" + String(repeating: "x", count: 1000)
    let error = CheckpointError.missingTensor(path: "m", name: name)
    #expect(error.description == "m: no tensor '\\u{1b}[2J\\u{a}" + String(repeating: "x", count: 75) + "…'")
  }
}
