/// The content of a pickle as a graph of values, which refer to each other by number.
///
/// Values can be shared and can contain themselves. Because they are numbers in flat arrays, neither building nor
/// freeing the graph recurses, however deep it is. Code that walks it must limit the walk.
struct PickleGraph {
  /// The number of a value.
  typealias ID = Int

  enum Value {
    case none
    case boolean(Bool)
    case integer(Int)
    /// An integer that does not fit into 64 bits.
    case wideInteger
    case float(Double)
    case text(String)
    /// Bytes, or text that is not UTF-8. Weights need neither, so the content is not kept.
    case bytes
    /// A reference to a module's member, stored only as its two names, at an index of `globals`.
    case global(Int)
    /// Containers have their members at an index of `members`. Those of a dictionary alternate: key, value.
    case tuple(Int)
    case list(Int)
    case set(Int)
    case dictionary(Int)
    /// A reference to something outside the pickle, described by another value.
    case persistent(ID)
    /// The result of a recorded call, at an index of `objects`.
    case object(Int)
  }

  struct Global: Equatable {
    let module: String
    let name: String
  }

  /// A call that is recorded but never executed.
  struct Object {
    let callable: ID
    let arguments: ID
    /// The state that the pickle would have set on the result.
    var state: ID?
  }

  private(set) var values: [Value] = []
  private(set) var globals: [Global] = []
  private(set) var members: [[ID]] = []
  private(set) var objects: [Object] = []
  /// The sum of the lengths of all members.
  private(set) var memberCount = 0
  /// The value of the whole pickle.
  var root: ID = 0

  mutating func add(_ value: Value) -> ID {
    values.append(value)
    return values.count - 1
  }

  mutating func addGlobal(module: String, name: String) -> ID {
    globals.append(Global(module: module, name: name))
    return add(.global(globals.count - 1))
  }

  mutating func addContainer(_ ids: some Sequence<ID>, _ kind: (Int) -> Value) -> ID {
    members.append(Array(ids))
    memberCount += members[members.count - 1].count
    return add(kind(members.count - 1))
  }

  /// Records a call. The only one that is interpreted makes an empty `collections.OrderedDict`: it becomes a
  /// dictionary.
  mutating func addCall(_ callable: ID, _ arguments: ID) -> ID {
    if global(callable) == Global(module: "collections", name: "OrderedDict"), tuple(arguments)?.isEmpty == true {
      return addContainer([], Value.dictionary)
    }
    objects.append(Object(callable: callable, arguments: arguments))
    return add(.object(objects.count - 1))
  }

  mutating func append(_ ids: some Collection<ID>, toMembers index: Int) {
    members[index] += ids
    memberCount += ids.count
  }

  mutating func setState(_ state: ID, ofObject index: Int) { objects[index].state = state }
}

extension PickleGraph {
  func global(_ id: ID) -> Global? {
    if case .global(let index) = values[id] { globals[index] } else { nil }
  }

  func tuple(_ id: ID) -> [ID]? {
    if case .tuple(let index) = values[id] { members[index] } else { nil }
  }

  func list(_ id: ID) -> [ID]? {
    if case .list(let index) = values[id] { members[index] } else { nil }
  }

  func object(_ id: ID) -> Object? {
    if case .object(let index) = values[id] { objects[index] } else { nil }
  }

  func integer(_ id: ID) -> Int? {
    if case .integer(let value) = values[id] { value } else { nil }
  }

  /// The values of a tuple of integers.
  func integers(_ id: ID) -> [Int]? {
    guard let ids = tuple(id) else { return nil }
    let integers = ids.compactMap { integer($0) }
    return integers.count == ids.count ? integers : nil
  }

  /// A text that is short enough to be compared with others (see `HeaderReader.nameByteLimit`).
  func name(_ id: ID) -> String? {
    if case .text(let text) = values[id], text.utf8.count <= HeaderReader.nameByteLimit { text } else { nil }
  }

  func isDictionary(_ id: ID) -> Bool {
    if case .dictionary = values[id] { true } else { false }
  }

  /// The keys and values of a dictionary, in the order of the pickle.
  func dictionary(_ id: ID) -> [(key: ID, value: ID)]? {
    guard case .dictionary(let index) = values[id] else { return nil }
    let ids = members[index]
    return stride(from: 0, to: ids.count, by: 2).map { (ids[$0], ids[$0 + 1]) }
  }

  /// The attributes of an object, if the pickle sets them by a dictionary.
  func attributes(_ id: ID) -> ID? {
    guard let state = object(id)?.state, isDictionary(state) else { return nil }
    return state
  }

  /// What the pickle holds: the root, or the attributes of an object that is pickled as a whole.
  var content: ID { attributes(root) ?? root }

  /// The value of a dictionary's key; if there are several, the last one counts, as in Python.
  func value(_ name: String, of id: ID) -> ID? {
    dictionary(id)?.last { self.name($0.key) == name }?.value
  }

  /// A short description of a value, for messages.
  func summary(_ id: ID) -> String {
    switch values[id] {
    case .none: return "None"
    case .boolean(let value): return value ? "True" : "False"
    case .integer(let value): return "\(value)"
    case .wideInteger: return "an integer beyond 64 bits"
    case .float(let value): return "\(value)"
    case .text(let text): return quoted(text)
    case .bytes: return "bytes"
    case .global(let index): return quoted("\(globals[index].module).\(globals[index].name)")
    case .tuple(let index): return "a tuple of \(members[index].count)"
    case .list(let index): return "a list of \(members[index].count)"
    case .set: return "a set"
    case .dictionary(let index): return "a dictionary of \(members[index].count / 2)"
    case .persistent: return "a storage"
    case .object(let index):
      guard let global = global(objects[index].callable) else { return "an object" }
      return "an object made by \(quoted("\(global.module).\(global.name)"))"
    }
  }
}
