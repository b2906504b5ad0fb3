internal import Glibc

/// The command-line arguments as raw bytes, without the program's name.
///
/// `CommandLine.arguments` replaces bytes that are not UTF-8 by U+FFFD, so that a path would name another file.
package var processArguments: [[UInt8]] {
  let words = unsafe UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
  return unsafe words.dropFirst().compactMap { word in
    unsafe word.map { unsafe [UInt8](UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
  }
}
