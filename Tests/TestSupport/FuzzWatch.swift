internal import Foundation
internal import Synchronization

/// Keeps the number of the input that a reader has before it, where a crash leaves it, and ends the process when an
/// input takes too long.
final class FuzzWatch: Sendable {
  /// The most seconds that an input may take. Most take microseconds, but the machine may be busy.
  private static let limit = 5.0

  private let reader: String
  private let folder: String?
  /// The input and when it was begun, in seconds; no input: the run is over.
  private let current = Mutex<(number: Int, start: Double)?>((0, FuzzWatch.now))
  private let start = FuzzWatch.now
  /// Holds the number of the input; -1: there is no such file.
  private let file: Int32

  /// - Parameters:
  ///   - reader: Named in files and messages.
  ///   - folder: Where the number of the input and the results are written; nil: nowhere.
  init(reader: String, folder: String?) {
    (self.reader, self.folder) = (reader, folder)
    file = folder.map { unsafe open("\($0)/\(reader).input", O_CREAT | O_WRONLY | O_TRUNC, 0o644) } ?? -1
    Thread.detachNewThread { [self] in
      while let (number, start) = current.withLock(\.self) {
        if Self.now - start > Self.limit {
          let message = "\(reader), input \(number): more than \(Self.limit) seconds\n"
          FileHandle.standardError.write(Data(message.utf8))
          abort()
        }
        Thread.sleep(forTimeInterval: 0.1)
      }
    }
  }

  private static var now: Double { ProcessInfo.processInfo.systemUptime }

  /// Notes that an input is about to be read.
  func begin(_ number: Int) {
    current.withLock { $0 = (number, Self.now) }
    guard file >= 0 else { return }
    // Of one width, so that each covers the last.
    let text = Array("\(number)".utf8) + [UInt8](repeating: UInt8(ascii: " "), count: 20)
    _ = unsafe pwrite(file, text, 20, 0)
  }

  /// Notes that all inputs were read, and writes the line of the report: inputs, accepted ones, seconds, peak in bytes.
  func end(inputs: Int, accepted: Int, peak: Int) {
    current.withLock { $0 = nil }
    guard let folder, file >= 0 else { return }
    close(file)
    let line = "\(inputs)\t\(accepted)\t\(Self.now - start)\t\(peak)\t\(reader)\n"
    try? Data(line.utf8).write(to: URL(filePath: "\(folder)/\(reader).result"))
    unsafe unlink("\(folder)/\(reader).input")
  }
}
