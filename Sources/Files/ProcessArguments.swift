internal import Glibc

/// The words of the command line as the system gave them, the program's name left out.
///
/// `CommandLine.arguments` puts U+FFFD in the place of bytes that are not UTF-8, so that the word names another file.
package var processArguments: [[UInt8]] {
  let words = unsafe UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
  return unsafe words.dropFirst().compactMap { word in
    unsafe word.map { unsafe [UInt8](UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
  }
}
