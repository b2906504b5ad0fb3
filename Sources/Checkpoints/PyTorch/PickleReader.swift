/// Reads a pickle as data, without executing it.
///
/// A pickle is a program for a stack machine that can call anything by name. This reader has the stack but calls
/// nothing: a name stays a name, and a call is recorded with its arguments. Any instruction that is not in
/// `PickleOpcode` is refused.
/// Source: Python's `pickletools`; docs/CHECKPOINT.md §3.
struct PickleReader {
  /// The limit for the total of values, container members, stack places and memo places. A PyTorch file has about 45
  /// per tensor.
  static let valueLimit = 8_000_000

  private var source: PickleSource
  private var graph = PickleGraph()
  private var stack: [PickleGraph.ID] = []
  // The stack heights of the marks.
  private var marks: [Int] = []
  private var memo: [UInt64: PickleGraph.ID] = [:]

  private init(_ source: PickleSource) { self.source = source }

  /// Reads up to the end of the next pickle.
  ///
  /// - Parameter source: Stands at the beginning of a pickle, and then at its end.
  /// - Returns: Its values; `root` is the value of the whole pickle.
  /// - Throws: `CheckpointError.pickle`.
  static func read(_ source: inout PickleSource) throws(CheckpointError) -> PickleGraph {
    var reader = PickleReader(source)
    while try reader.step() {}
    source = reader.source
    return reader.graph
  }

  // Processes one instruction; returns false if it is the last.
  private mutating func step() throws(CheckpointError) -> Bool {
    source.beginInstruction()
    let byte = try source.readByte()
    guard let opcode = PickleOpcode(rawValue: byte) else {
      throw failure("an instruction that weights need", "0x" + String(byte, radix: 16))
    }
    if opcode == .stop {
      graph.root = try pop()
      return false
    }
    try execute(opcode)
    let count = graph.values.count + graph.memberCount + stack.count + marks.count + memo.count
    guard count <= Self.valueLimit else { throw failure("at most \(Self.valueLimit) values", "more") }
    return true
  }

  private mutating func execute(_ opcode: PickleOpcode) throws(CheckpointError) {
    switch opcode {
    case .proto: try checkProtocol()
    case .frame: _ = try source.readNumber(8)
    case .stop: break

    case .none: push(.none)
    case .newTrue: push(.boolean(true))
    case .newFalse: push(.boolean(false))
    case .binInt: push(.integer(Int(Int32(truncatingIfNeeded: try source.readNumber(4)))))
    case .binInt1: push(.integer(Int(try source.readNumber(1))))
    case .binInt2: push(.integer(Int(try source.readNumber(2))))
    case .long1: push(try readLong())
    case .binFloat: push(.float(Double(bitPattern: try source.readNumber(8).byteSwapped)))
    case .binUnicode, .binString: push(try readText(lengthByteCount: 4))
    case .shortBinUnicode, .shortBinString: push(try readText(lengthByteCount: 1))
    case .binBytes: try skipBytes(lengthByteCount: 4)
    case .shortBinBytes: try skipBytes(lengthByteCount: 1)

    case .mark: marks.append(stack.count)
    case .emptyTuple: pushContainer([], PickleGraph.Value.tuple)
    case .tuple1: pushContainer(try pop(count: 1), PickleGraph.Value.tuple)
    case .tuple2: pushContainer(try pop(count: 2), PickleGraph.Value.tuple)
    case .tuple3: pushContainer(try pop(count: 3), PickleGraph.Value.tuple)
    case .tuple: pushContainer(try popToMark(), PickleGraph.Value.tuple)
    case .emptyList: pushContainer([], PickleGraph.Value.list)
    case .list: pushContainer(try popToMark(), PickleGraph.Value.list)
    case .append: try addMembers(try pop(count: 1))
    case .appends, .addItems: try addMembers(try popToMark())
    case .emptyDict: pushContainer([], PickleGraph.Value.dictionary)
    case .dict: pushContainer(try pairs(try popToMark()), PickleGraph.Value.dictionary)
    case .setItem: try addPairs(try pop(count: 2))
    case .setItems: try addPairs(try popToMark())
    case .emptySet: pushContainer([], PickleGraph.Value.set)
    case .frozenSet: pushContainer(try popToMark(), PickleGraph.Value.set)

    case .pop: if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case .popMark: _ = try popToMark()
    case .binPut: memo[try source.readNumber(1)] = try top()
    case .longBinPut: memo[try source.readNumber(4)] = try top()
    case .memoize: memo[UInt64(memo.count)] = try top()
    case .binGet: try pushMemo(try source.readNumber(1))
    case .longBinGet: try pushMemo(try source.readNumber(4))

    case .global: try pushGlobal(module: try source.readLine(), name: try source.readLine())
    case .stackGlobal: try pushStackGlobal()
    case .reduce, .newObj:
      let parts = try pop(count: 2)
      stack.append(graph.addCall(parts[0], parts[1]))
    case .build: try build()
    case .binPersID: push(.persistent(try pop()))
    }
  }
}

// MARK: - The stack

extension PickleReader {
  private mutating func push(_ value: PickleGraph.Value) { stack.append(graph.add(value)) }

  private mutating func pushContainer(_ ids: [PickleGraph.ID], _ kind: (Int) -> PickleGraph.Value) {
    stack.append(graph.addContainer(ids, kind))
  }

  private mutating func pushMemo(_ index: UInt64) throws(CheckpointError) {
    guard let id = memo[index] else { throw failure("a value under number \(index)", "none") }
    stack.append(id)
  }

  private mutating func pushGlobal(module: String, name: String) throws(CheckpointError) {
    stack.append(graph.addGlobal(module: module, name: name))
  }

  private mutating func pushStackGlobal() throws(CheckpointError) {
    let parts = try pop(count: 2)
    guard let module = graph.name(parts[0]), let name = graph.name(parts[1]) else {
      throw failure("the names of a module and of a thing in it", graph.summary(parts[1]))
    }
    try pushGlobal(module: module, name: name)
  }

  // Values below the last mark cannot be reached.
  private var reachableCount: Int { stack.count - (marks.last ?? 0) }

  private func top() throws(CheckpointError) -> PickleGraph.ID {
    guard reachableCount > 0, let id = stack.last else { throw failure("a value on the stack", "none") }
    return id
  }

  private mutating func pop() throws(CheckpointError) -> PickleGraph.ID {
    let id = try top()
    stack.removeLast()
    return id
  }

  private mutating func pop(count: Int) throws(CheckpointError) -> [PickleGraph.ID] {
    guard reachableCount >= count else { throw failure("\(count) values on the stack", "\(reachableCount)") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(CheckpointError) -> [PickleGraph.ID] {
    guard let height = marks.popLast() else { throw failure("a mark on the stack", "none") }
    defer { stack.removeSubrange(height...) }
    return Array(stack[height...])
  }

  // Objects are accepted without effect: nothing needs the members of a list or dictionary of another class.
  private mutating func addMembers(_ ids: [PickleGraph.ID]) throws(CheckpointError) {
    let id = try top()
    switch graph.values[id] {
    case .list(let index), .set(let index): graph.append(ids, toMembers: index)
    case .object: break
    default: throw failure("a list or a set to add to", graph.summary(id))
    }
  }

  private mutating func addPairs(_ ids: [PickleGraph.ID]) throws(CheckpointError) {
    let ids = try pairs(ids)
    let id = try top()
    switch graph.values[id] {
    case .dictionary(let index): graph.append(ids, toMembers: index)
    case .object: break
    default: throw failure("a dictionary to add to", graph.summary(id))
    }
  }

  private func pairs(_ ids: [PickleGraph.ID]) throws(CheckpointError) -> [PickleGraph.ID] {
    guard ids.count % 2 == 0 else { throw failure("keys and values", "\(ids.count) of them") }
    return ids
  }

  // A dictionary's state is `_metadata`, the versions of PyTorch's modules.
  private mutating func build() throws(CheckpointError) {
    let state = try pop()
    let id = try top()
    switch graph.values[id] {
    case .object(let index): graph.setState(state, ofObject: index)
    case .dictionary: break
    default: throw failure("an object to fill", graph.summary(id))
    }
  }
}

// MARK: - The bytes

extension PickleReader {
  private func failure(_ expected: String, _ found: String) -> CheckpointError { source.failure(expected, found) }

  private mutating func checkProtocol() throws(CheckpointError) {
    let version = try source.readByte()
    guard (2...5).contains(version) else { throw failure("pickle protocol 2 to 5", "\(version)") }
  }

  // A two's complement, little-endian integer of any length.
  private mutating func readLong() throws(CheckpointError) -> PickleGraph.Value {
    let bytes = try source.readBytes(lengthByteCount: 1)
    guard bytes.count <= 8 else { return .wideInteger }
    let sign: UInt64 = bytes.last.map { $0 >= 0x80 ? .max : 0 } ?? 0
    return .integer(Int(truncatingIfNeeded: bytes.reversed().reduce(sign) { $0 << 8 | UInt64($1) }))
  }

  private mutating func readText(lengthByteCount: Int) throws(CheckpointError) -> PickleGraph.Value {
    let bytes = try source.readBytes(lengthByteCount: lengthByteCount)
    return String(validating: bytes, as: UTF8.self).map { .text($0) } ?? .bytes
  }

  private mutating func skipBytes(lengthByteCount: Int) throws(CheckpointError) {
    _ = try source.readBytes(lengthByteCount: lengthByteCount)
    push(.bytes)
  }
}
