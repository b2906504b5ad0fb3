internal import Files
internal import Inference

/// A state that a client has named. It never changes; a change is another state under the same name.
struct NamedState: Sendable {
  let progress: ReadingProgress
  /// The last ids that were read, for penalties.
  let recent: [Int32]
  /// Seconds since 1970.
  let created: Int
  /// Whether its file has the same content.
  var isSaved = false

  /// How many of the ids are kept.
  static let recentLimit = 4_096
}

/// The named states: those in memory, and those in the folder.
struct StateShelf {
  private var states: [String: (state: NamedState, lastUse: Int)] = [:]
  private var clock = 0
  private let limit: Int
  /// nil: states are in memory only.
  let folder: String?

  static let suffix = ".state"
  static let nameWords = "a name of up to 64 letters, digits, '.', '_' and '-', not starting with '.'"

  init(limit: Int, folder: String?) { (self.limit, self.folder) = (limit, folder) }

  /// Whether a text is the name of a state. No name leaves the folder, or hides a file in it.
  static func isName(_ text: String) -> Bool {
    let allowed = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return allowed && 1...64 ~= text.utf8.count && !text.hasPrefix(".")
  }

  var count: Int { states.count }
  var byteCount: Int { states.values.reduce(0) { $0 + $1.state.progress.byteCount } }

  /// The path of a state's file; nil without a folder.
  func path(of name: String) -> String? { folder.map { "\($0)/\(name)\(Self.suffix)" } }

  /// Whether the folder has a file for a name.
  func hasFile(_ name: String) -> Bool { path(of: name).map { fileExists(path: $0) } ?? false }

  /// A state in memory.
  subscript(_ name: String) -> NamedState? {
    mutating get {
      clock += 1
      states[name]?.lastUse = clock
      return states[name]?.state
    }
  }

  /// The names of all states, in order.
  var names: [String] {
    let files = (folder.flatMap { try? namesInFolder(path: $0) } ?? [])
      .filter { $0.hasSuffix(Self.suffix) }.map { String($0.dropLast(Self.suffix.count)) }.filter(Self.isName)
    return Set(files).union(states.keys).sorted()
  }

  /// How the names of the page's own states begin.
  private static let pagePrefix = "page-"

  /// Puts a state under a name. Without room, the one that was used longest ago is dropped from memory, of those that
  /// are saved and those of the page.
  ///
  /// - Returns: Whether there was room.
  mutating func put(_ name: String, _ state: NamedState) -> Bool {
    if states[name] == nil, states.count >= limit {
      let droppable = states.filter { name, entry in
        name.hasPrefix(Self.pagePrefix) || entry.state.isSaved && hasFile(name)
      }
      guard let oldest = droppable.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return false }
      states[oldest.key] = nil
    }
    clock += 1
    states[name] = (state, clock)
    return true
  }

  /// Notes that a state was saved, unless there is another one under its name now.
  mutating func setSaved(_ name: String, created: Int, position: Int) {
    guard let state = states[name]?.state, state.created == created, state.progress.position == position else { return }
    states[name]?.state.isSaved = true
  }

  mutating func remove(_ name: String) -> Bool { states.removeValue(forKey: name) != nil }

  /// The JSON object of a state.
  mutating func description(of name: String) -> JSONValue {
    var members: [String: JSONValue] = [
      "id": .text(name), "object": .text("state"), "in_memory": .boolean(false), "saved": .boolean(hasFile(name)),
      "tokens": .null, "undo_tokens": .null, "bytes": .null, "created": .null,
    ]
    if let state = states[name]?.state {
      members["in_memory"] = .boolean(true)
      members["saved"] = .boolean(state.isSaved && hasFile(name))
      members["tokens"] = .integer(state.progress.position)
      members["undo_tokens"] = .integer(state.progress.history?.limit ?? 0)
      members["bytes"] = .integer(state.progress.byteCount)
      members["created"] = .integer(state.created)
    }
    return .object(members)
  }
}
