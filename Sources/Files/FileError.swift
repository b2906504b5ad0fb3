/// An error with a file or a standard stream.
package enum FileError: Error, Equatable, CustomStringConvertible {
  /// Nothing exists at the path.
  case missing(path: String)
  /// The path is a folder, device or pipe, where a regular file is needed.
  case notAFile(path: String)
  /// The path is a pipe or standard input, where random access is needed.
  case isStream(path: String)
  /// Opening, mapping or reading failed; the reason is the system's message.
  case cannotRead(path: String, reason: String)
  /// There is not enough memory for what is to be read.
  case noMemory(path: String, byteCount: Int)
  /// An output cannot be created; the reason is the system's message.
  case cannotCreate(path: String, reason: String)
  /// Writing, syncing or renaming failed; the reason is the system's message.
  case cannotWrite(path: String, reason: String)
  /// The file is of a kind that is not accepted here.
  case unexpectedKind(path: String, expected: FileRole, found: FileKind)
  /// The input is longer than its reader accepts.
  case tooLarge(path: String, byteLimit: Int)
  /// Another process is writing into the folder; its process id, where known.
  case inUse(path: String, process: Int?)
  /// The reader of a pipe has closed it; a program in a pipeline then exits silently.
  case closedPipe(name: String)

  /// The message in one line.
  package var description: String {
    switch self {
    case .missing(let path): "\(path): no such file"
    case .notAFile(let path): "\(path): expected a regular file, found a folder or a device"
    case .isStream(let path):
      "\(path): expected a file, as it is read in any order and more than once, found a stream; save it to a file first"
    case .cannotRead(let path, let reason): "\(path): cannot read: \(reason)"
    case .noMemory(let path, let byteCount): "\(path): cannot read: out of memory: asked for \(byteCount) bytes"
    case .cannotCreate(let path, let reason): "\(path): cannot create: \(reason)"
    case .cannotWrite(let path, let reason): "\(path): cannot write: \(reason)"
    case .unexpectedKind(let path, let expected, let found):
      "\(path): expected \(expected.rawValue), found \(found.rawValue)"
    case .tooLarge(let path, let byteLimit): "\(path): expected at most \(byteLimit) bytes, found more"
    case .inUse(let path, let process): "\(path): in use by " + (process.map { "process \($0)" } ?? "another process")
    case .closedPipe(let name): "\(name): the reader closed the pipe"
    }
  }

  /// A suggested next step, where there is one.
  package var hint: String? {
    switch self {
    case .unexpectedKind(let path, let expected, let found): expected.hint(found: found, path)
    case .inUse: "wait for it, or choose another folder with -o"
    default: nil
    }
  }

  /// Why an open file cannot be read to its end.
  static let becameShorter = "the file became shorter while it was in use"
}
