import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct SafetensorsFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("C21, C22: data of any alignment, as stored")
  func lendsTheBytesOfATensor() throws {
    // A header of odd length, so that no data are aligned.
    let text =
      #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"#
      + #""b":{"dtype":"F32","shape":[1,2],"data_offsets":[3,11]}}"#
    let path = try folder.add("m", HandMadeFile(text, data: [UInt8](0..<11)).bytes)
    let file = try SafetensorsFile(path: path)
    #expect(try file.withBytes(of: "a") { Array(copying: $0) } == [0, 1, 2])
    #expect(try file.withBytes(of: "b") { Array(copying: $0) } == [3, 4, 5, 6, 7, 8, 9, 10])
    #expect(file.description(of: "b") == TensorDescription(name: "b", dataType: .f32, shape: [1, 2]))
    #expect(file.description(of: "c") == nil)
    #expect(file.path == path)
    #expect(file.byteCount == 8 + text.utf8.count + 11)
    #expect(text.utf8.count % 2 == 1)
  }

  @Test func refusesANameThatIsNotThere() throws {
    let path = try folder.add("m", HandMadeFile().bytes)
    let file = try SafetensorsFile(path: path)
    #expect(throws: CheckpointError.missingTensor(path: path, name: "x")) {
      try file.withBytes(of: "x") { _ in }
    }
  }

  @Test func passesOnWhatTheSystemSays() throws {
    let path = folder.path + "/none"
    #expect(throws: CheckpointError.file(.missing(path: path))) { try SafetensorsFile(path: path) }
    #expect(throws: CheckpointError.file(.notAFile(path: folder.path))) { try SafetensorsFile(path: folder.path) }
    let empty = try folder.add("empty", [])
    #expect(throws: CheckpointError.fileSize(path: empty, expected: 8, found: 0)) { try SafetensorsFile(path: empty) }
  }
}
