internal import Glibc

/// A path that leads to the same file from any working folder.
///
/// - Parameter path: Relative to the working folder, or absolute.
/// - Returns: The path below the working folder; as it is where that folder is gone, or its name is not UTF-8.
package func absolutePath(_ path: String) -> String {
  guard !path.isEmpty, !path.hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return path }
  defer { unsafe free(folder) }
  guard let start = unsafe String(validatingCString: folder) else { return path }
  return (start.hasSuffix("/") ? start : start + "/") + path
}
