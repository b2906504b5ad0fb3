import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct StateDictionaryTests {
  private typealias P = HandMadePickle

  private static let tensor = P.tensor("ByteStorage", count: 2, shape: [2], strides: [1])

  private func open(_ root: [UInt8]) throws -> WeightsFile {
    try TorchFixture(root: root, storages: [[8, 9]]).open()
  }

  @Test("W17: an ordered dictionary with metadata, as nn.Module.state_dict() is saved")
  func readsOrderedDictionaries() throws {
    let members = Array("(".utf8) + P.text("a") + Self.tensor + P.text("b") + Self.tensor + Array("u".utf8)
    let metadata = P.dictionary([("_metadata", P.orderedDictionary)]) + Array("b".utf8)
    #expect(try open(P.orderedDictionary + members + metadata).tensors.map(\.name) == ["a", "b"])
  }

  @Test("W18: training checkpoints", arguments: ["model", "state_dict", "module", "model_state_dict"])
  func findsWeightsAmongOtherThings(key: String) throws {
    let state = P.dictionary([("w", Self.tensor), ("extra", P.none)])
    let optimizer = P.dictionary([("momentum", Self.tensor)])
    let root = P.dictionary([("optimizer", optimizer), (key, state), ("loss", Self.tensor), ("step", P.integer(7))])
    let file = try open(root)
    #expect(file.tensors.map(\.name) == ["w"])
    #expect(file.plainConfiguration == ["step": .integer(7)])
  }

  @Test("W18: the first key that has tensors, the last entry of a key, and a root of tensors before all")
  func followsTheOrder() throws {
    let (a, b) = (P.dictionary([("a", Self.tensor)]), P.dictionary([("b", Self.tensor)]))
    #expect(try open(P.dictionary([("module", b), ("state_dict", a)])).tensors.map(\.name) == ["a"])
    #expect(try open(P.dictionary([("model", P.text("large")), ("module", b)])).tensors.map(\.name) == ["b"])
    #expect(try open(P.dictionary([("model", a), ("model", b)])).tensors.map(\.name) == ["b"])
    #expect(try open(P.dictionary([("model", Self.tensor)])).tensors.map(\.name) == ["model"])
  }

  @Test("W18: keys below keys, up to four; the nearest tensors count")
  func looksIntoContainers() throws {
    let weights = P.dictionary([("w", Self.tensor)])
    func nested(_ keys: [String]) -> [UInt8] {
      keys.reversed().reduce(weights) { P.dictionary([("step", P.none), ($1, $0)]) }
    }
    let four = ["module", "model", "state_dict", "model_state_dict"]
    for keys in [["state_dict", "model"], ["model", "module"], four] {
      #expect(try open(nested(keys)).tensors.map(\.name) == ["w"], "\(keys)")
    }
    let near = P.dictionary([("model", nested(["module"])), ("state_dict", P.dictionary([("near", Self.tensor)]))])
    #expect(try open(near).tensors.map(\.name) == ["near"])
    let deep = nested(Array(repeating: "model", count: 5))
    #expect(throws: CheckpointError.self) { try open(deep) }
  }

  @Test("W18: no weights")
  func tellsWhatIsThereInstead() throws {
    for (root, found) in [
      (P.dictionary([]), "an empty one"),
      (P.dictionary([("other", P.dictionary([("w", Self.tensor)])), ("step", P.none)]), "the keys 'other', 'step'"),
      (P.dictionary([("state", P.dictionary([])), ("param_groups", P.none)]), "the state of an optimizer"),
      (P.call(P.global("net", "Net"), []), "an object made by 'net.Net'"),
      (P.tuple([Self.tensor]), "a tuple of 1"),
      (P.text("\u{1B}[2J"), "'\\u{1b}[2J'"),
    ] {
      let fixture = try TorchFixture(root: root, storages: [[8, 9]])
      let expected = "a dictionary of tensors, alone or under model, state_dict, module, model_state_dict"
      let error = CheckpointError.noStateDictionary(path: fixture.path, expected: expected, found: found)
      #expect(throws: error) { try fixture.open() }
    }
  }

  /// An object of a class of the script that wrote it, with these attributes: `copyreg.__newobj__` and its state.
  private static func object(_ attributes: [(String, [UInt8])]) -> [UInt8] {
    P.global("__main__", "ModelCheckpoint") + [0x29, 0x81]
      + P.dictionary(attributes) + Array("b".utf8)
  }

  @Test("W18: the attributes of an object that is pickled as a whole, as yet-another-retnet's script may do")
  func readsAttributesOfTheRoot() throws {
    let state = P.dictionary([("w", Self.tensor), ("v", Self.tensor)])
    let optimizer = P.dictionary([("lr", P.float(0.1))])
    let root = Self.object([
      ("state_dict", state), ("optimizer_state", optimizer), ("current_step", P.integer(3)),
    ])
    let file = try open(root)
    #expect(file.tensors.map(\.name) == ["w", "v"])
    #expect(file.plainConfiguration == ["current_step": .integer(3), "optimizer_state.lr": .float(0.1)])
    #expect(try file.withBytes(of: "w") { [UInt8](copying: $0) } == [8, 9])
    #expect(try open(Self.object([("w", Self.tensor)])).tensors.map(\.name) == ["w"])

    // Inside a dictionary it is an object like others; without attributes too.
    #expect(throws: CheckpointError.self) { try open(P.dictionary([("checkpoint", root)])) }
    #expect(throws: CheckpointError.self) { try open(Self.object([])) }
    let module = try TorchFixture(
      root: Self.object([("_parameters", P.dictionary([("w", Self.matrix)])), ("_modules", P.dictionary([]))]),
      storages: [[8, 9]])
    let error = CheckpointError.noStateDictionary(
      path: module.path,
      expected: "a dictionary of tensors, alone or under model, state_dict, module, model_state_dict",
      found: "a whole module, an object made by '__main__.ModelCheckpoint'")
    #expect(throws: error) { try module.open() }
  }

  private static let matrix = P.tensor("ByteStorage", count: 2, shape: [1, 2], strides: [2, 1])
  private static let weights = P.dictionary([("w", matrix)])
  /// What an optimizer keeps for each parameter, here by the parameter's name.
  private static let moments = P.dictionary([("w", P.dictionary([("exp_avg", matrix)])), ("m", matrix)])

  private func nested(_ keys: [String], _ value: [UInt8]) -> [UInt8] {
    keys.reversed().reduce(value) { P.dictionary([("step", P.integer(1)), ($1, $0)]) }
  }

  @Test(
    "W18: other keys, if there is only one dictionary with a matrix",
    arguments: [
      ["net"], ["model_state"], ["params"], ["anything"], ["checkpoint", "model"], ["a", "b", "c", "d"], [], ["ema"],
      ["ema", "anything"], ["model_ema"],
    ])
  func findsTheOnlyMatrices(keys: [String]) throws {
    let optimizers: [(String, [UInt8])] = [
      ("optimizer", Self.moments), ("lightning_Optim_states", Self.moments), ("adam", Self.moments),
      ("exp_avg", Self.moments), ("momentum", Self.moments), ("gradients", Self.moments),
      ("trainer", P.dictionary([("state", Self.moments), ("param_groups", P.none)])),
      ("scalars", P.dictionary([("loss", Self.tensor)])),
    ]
    let root =
      keys.isEmpty
      ? P.dictionary([("w", Self.matrix)] + optimizers)
      : P.dictionary(optimizers + [(keys[0], nested(Array(keys.dropFirst()), Self.weights))])
    #expect(try open(root).tensors.map(\.name) == ["w"])
  }

  @Test("W18: usual keys before others, weights before their averages")
  func prefersUsualKeys() throws {
    func other(_ name: String) -> [UInt8] { P.dictionary([(name, Self.matrix)]) }
    for keys in [["a", "net"], ["params", "net"], ["ema", "a"], ["ema_weights", "model_state"], ["a", "x.model"]] {
      let last = keys[1].split(separator: ".").map(String.init)
      let root = P.dictionary([(keys[0], other("no")), (last[0], nested(Array(last.dropFirst()), Self.weights))])
      #expect(try open(root).tensors.map(\.name) == ["w"], "\(keys)")
    }
  }

  @Test("W18: several dictionaries, none of them usual")
  func refusesToGuess() throws {
    func error(_ found: String, _ root: [UInt8]) throws {
      let fixture = try TorchFixture(root: root, storages: [[8, 9]])
      let expected = "a dictionary of tensors, alone or under model, state_dict, module, model_state_dict"
      let error = CheckpointError.noStateDictionary(path: fixture.path, expected: expected, found: found)
      #expect(throws: error) { try fixture.open() }
      #expect(error.hint != nil)
    }
    let (a, b) = (Self.weights, P.dictionary([("x", Self.matrix), ("y", Self.tensor)]))
    try error(
      "several others: 'generator' (tensors: 1), 'discriminator' (tensors: 2)",
      P.dictionary([("generator", a), ("discriminator", b)]))
    try error(
      "several others: 'a.net' (tensors: 1), 'b.net' (tensors: 2)",
      P.dictionary([("a", P.dictionary([("net", a)])), ("b", P.dictionary([("net", b)]))]))
    try error(
      "several others: the root (tensors: 1), 'b' (tensors: 2)", P.dictionary([("w", Self.matrix), ("b", b)]))
    let many = (0..<10).map { ("k\($0)", P.dictionary([("w", Self.matrix)])) }
    let list = (0..<8).map { "'k\($0)' (tensors: 1)" }.joined(separator: ", ")
    try error("several others: \(list), …", P.dictionary(many))
    try error("the keys 'optimizer', 'step'", P.dictionary([("optimizer", Self.moments), ("step", P.none)]))
    try error("the keys 'step', 'a'", nested(["a", "b", "c", "d", "e"], a))
  }

  @Test("W18: dictionaries that contain themselves do not make the search long")
  func entersEachDictionaryOnce() throws {
    let keys = ["model", "state_dict", "module", "model_state_dict", "a", "b"]
    let own = keys.flatMap { P.text($0) + Array("h\u{0}".utf8) }
    let many = (0..<200_000).flatMap { _ in Array("h\u{1}h\u{0}".utf8) }
    let root = Array("}q\u{0}(".utf8) + own + P.text("x") + P.text("y") + Array("q\u{1}0".utf8) + Array("N".utf8)
    #expect(throws: CheckpointError.self) { try open(root + many + Array("u".utf8)) }
  }

  @Test("W18: names")
  func refusesStrangeNames() throws {
    let twice = try TorchFixture(root: P.dictionary([("t", Self.tensor), ("t", Self.tensor)]), storages: [[8, 9]])
    #expect(throws: twice.tensorError("each name once", "the name again")) { try twice.open() }
    for key in [P.integer(3), P.text(String(repeating: "x", count: 1025)), P.none] {
      let root = Array("}".utf8) + key + Self.tensor + Array("s".utf8)
      #expect(throws: CheckpointError.self) { try open(root) }
    }
  }

  @Test("W27: plain values by their names, through dictionaries and namespaces")
  func reportsConfigurations() throws {
    let namespace = P.global("argparse", "Namespace") + P.tuple([]) + [0x81]
    let arguments = P.dictionary([("heads", P.integer(4)), ("lr", P.float(1e-3)), ("betas", P.tuple([]))])
    let settings = P.dictionary([("act", P.text("gelu")), ("tied", P.yes), ("limit", P.none)])
    let root = P.dictionary([
      ("model", P.dictionary([("w", Self.tensor)])), ("args", namespace + arguments + Array("b".utf8)),
      ("cfg", P.dictionary([("model", settings)])), ("big", [0x8A, 9] + little(1, 9)),
      ("other", P.call(P.global("a", "B"), []) + settings + Array("b".utf8)), ("low", P.integer(-70_000)),
      ("wide", P.integer(-(1 << 40))),
    ])
    #expect(
      try open(root).plainConfiguration == [
        "args.heads": .integer(4), "args.lr": .float(1e-3), "cfg.model.act": .text("gelu"),
        "cfg.model.tied": .boolean(true), "cfg.model.limit": .none, "low": .integer(-70_000),
        "wide": .integer(-(1 << 40)),
      ])
  }

  @Test("W15: what other writers use")
  func readsOtherInstructions() throws {
    func list(_ opcodes: String) -> [UInt8] { Array(opcodes.utf8) }
    let values: [(String, [UInt8])] = [
      ("list", list("(K\u{1}K\u{2}l") + list("K\u{3}a(K\u{4}e")),
      ("dict", list("(") + P.text("x") + list("K\u{7}d")),
      ("set", [0x8F] + list("(K\u{1}") + [0x90]), ("frozen", list("(K\u{1}") + [0x91]),
      ("bytes", list("C\u{2}ab")), ("long bytes", list("B") + little(2, 4) + list("ab")),
      ("short", [0x8C, 2] + list("hi")), ("old", list("U\u{2}hi")), ("older", list("T") + little(2, 4) + list("hi")),
      ("latin", list("U\u{1}") + [0xE9]), ("popped", list("NN0")), ("unmarked", list("N(0")),
      ("unmarked too", list("N(KK1")),
      ("frame", [0x95] + little(0, 8) + list("N")), ("two bytes", list("M") + little(40_000, 2)),
      ("zero", [0x8A, 0]), ("minus", [0x8A, 1, 0xFF]),
      ("stack", [0x8C, 1] + list("m") + [0x8C, 1] + list("n") + [0x93] + list("K\u{1}") + [0x85] + list("R")),
      ("memoized", list("K\u{5}") + [0x94] + list("0h\u{0}")),
      ("put", list("K\u{6}r") + little(-1, 4) + list("0j") + little(-1, 4)),
      ("model", P.dictionary([("w", Self.tensor)])),
    ]
    #expect(
      try open(P.dictionary(values)).plainConfiguration == [
        "dict.x": .integer(7), "short": .text("hi"), "old": .text("hi"), "older": .text("hi"), "popped": .none,
        "unmarked": .none, "unmarked too": .none, "frame": .none, "two bytes": .integer(40_000), "zero": .integer(0),
        "minus": .integer(-1), "memoized": .integer(5), "put": .integer(6),
      ])
  }
}
