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
  /// A compressed file cannot be decompressed. The offset counts bytes of the compressed file from 0, up to where they
  /// could be read.
  case damagedArchive(path: String, kind: FileKind, offset: Int, reason: String)
  /// No file in a folder is to be read; the pattern that names had to match, if there was one.
  case noFiles(folder: String, pattern: String?)
  /// The input is longer than its reader accepts.
  case tooLarge(path: String, byteLimit: Int)
  /// Another process is writing into the folder; its process id, where known.
  case inUse(path: String, process: Int?)
  /// The reader of a pipe has closed it; a program in a pipeline then exits silently.
  case closedPipe(name: String)
  /// A handled signal came before the next bytes of an input that is not waited for after one; see `StopSignals`.
  case stopped(path: String)

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
    case .damagedArchive(let path, let kind, let offset, let reason):
      "\(path): compressed byte offset \(offset): expected \(kind.rawValue), found damage: \(reason)"
    case .noFiles(let folder, let pattern):
      "\(folder): expected files" + (pattern.map { " named like '\($0)'" } ?? "") + " in this folder, found none"
    case .tooLarge(let path, let byteLimit): "\(path): expected at most \(byteLimit) bytes, found more"
    case .inUse(let path, let process): "\(path): in use by " + (process.map { "process \($0)" } ?? "another process")
    case .closedPipe(let name): "\(name): the reader closed the pipe"
    case .stopped(let path): "\(path): a signal stopped the reading"
    }
  }

  /// A suggested next step, where there is one.
  package var hint: String? {
    switch self {
    case .unexpectedKind(let path, let expected, let found): expected.hint(found: found, path)
    case .damagedArchive: "the file is incomplete or damaged; copy or download it again"
    case .inUse: "wait for it, or choose another folder with -o"
    default: nil
    }
  }

  /// Why an open file cannot be read to its end.
  static let becameShorter = "the file became shorter while it was in use"
}
