internal import FoundationEssentials

/// Runs a test body with the path of a new empty folder, which is removed afterwards with all it holds.
///
/// - Parameter body: Gets the absolute path, without a slash at its end.
/// - Returns: What the body returns.
/// - Throws: What the body throws, or why the folder could not be made or removed.
package func withTemporaryFolder<Result>(_ body: (_ path: String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "retnet-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let result = Swift.Result { try body(folder.path) }
  try FileManager.default.removeItem(at: folder)
  return try result.get()
}
