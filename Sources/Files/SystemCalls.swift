internal import Glibc

/// The `errno` of a system call that failed.
struct SystemError: Error {
  let code: Int32
  /// The size that was requested, if memory was insufficient.
  var byteCount = 0

  var reason: String { unsafe String(cString: strerror(code)) }
}

/// Opens a file with close-on-exec; `mode` matters only with `O_CREAT`.
func openDescriptor(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> Int32 {
  // A C string would end at the zero byte and name another file.
  guard !path.utf8.contains(0) else { throw SystemError(code: ENOENT) }
  while true {
    let descriptor = unsafe open(path, flags | O_CLOEXEC, mode)
    if descriptor >= 0 { return descriptor }
    guard errno == EINTR else { throw SystemError(code: errno) }
  }
}

/// The type and permissions of an open file.
func status(of descriptor: Int32) throws(SystemError) -> stat {
  var status = stat()
  guard unsafe fstat(descriptor, &status) == 0 else { throw SystemError(code: errno) }
  return status
}

/// The type and permissions of a path's target, following links; nil if nothing exists there.
func status(at path: String) throws(SystemError) -> stat? {
  var status = stat()
  if unsafe stat(path, &status) == 0 { return status }
  guard errno == ENOENT else { throw SystemError(code: errno) }
  return nil
}

/// Waits until a folder's entries are on disk.
func syncFolder(path: String) throws(SystemError) {
  let folder = try openDescriptor(path, O_RDONLY | O_DIRECTORY)
  defer { close(folder) }
  // Some file systems cannot sync a folder and return EINVAL; nothing more can be done there.
  guard fsync(folder) == 0 || errno == EINVAL else { throw SystemError(code: errno) }
}

/// Writes every byte, in as many calls as needed, and waits if the descriptor is non-blocking.
func writeAll(_ bytes: RawSpan, to descriptor: Int32) throws(SystemError) {
  var start = 0
  while start < bytes.byteCount {
    let rest = bytes.extracting(start...)
    let written = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    if written >= 0 {
      start += written
    } else if errno == EAGAIN {
      var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = unsafe poll(&request, 1, -1)
    } else if errno != EINTR {
      throw SystemError(code: errno)
    }
  }
}

/// Throws if there is not enough memory for an array of this size; allocating the array would end the process.
func requireMemory(_ byteCount: Int) throws(SystemError) {
  // Small arrays fit into the memory that the process already has.
  guard byteCount >= 1 << 20 else { return }
  // The compiler would remove a malloc that is freed at once.
  let block = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  guard unsafe block != MAP_FAILED else { throw SystemError(code: ENOMEM, byteCount: byteCount) }
  unsafe munmap(block, byteCount)
}

extension stat {
  var isCharacterDevice: Bool { st_mode & S_IFMT == S_IFCHR }
  var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
  var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
  var isPipe: Bool { [S_IFIFO, S_IFSOCK].contains(st_mode & S_IFMT) }
}
