internal import ArgumentParser
internal import Configurations
internal import Files
internal import FoundationEssentials
internal import Tensors
internal import Training

/// The experiments of a report, each in a folder of its own, with their numbers in `result.json`.
///
/// What is complete is not done again, and a run that was stopped is resumed. So the same command finishes a report, with
/// the same figures as if it had not been stopped.
struct PaperStudy {
  let folder: String
  let scale: PaperScale
  let sections: [any PaperSection]
  private let data: PaperData
  private let options: GlobalOptions
  private(set) var results = PaperResults()
  private(set) var rates = PaperRates()
  private var clock = SweepClock()
  /// The experiments of the whole report, and how many have ended.
  private var total = 0
  private var ended = 0

  init(folder: String, text: String, scale: PaperScale, sections: [any PaperSection], options: GlobalOptions) {
    (self.folder, self.scale, self.sections, self.options) = (folder, scale, sections, options)
    data = PaperData(folder: folder, text: text, options: options)
  }

  /// Does all experiments that are not complete.
  ///
  /// - Parameter pool: Where the work runs.
  /// - Throws: Status 75 after a signal; `CommandError` if the folder has another report; the errors of the runs.
  mutating func run(on pool: WorkerPool) throws {
    StopSignals.listen()
    let text = try data.read()
    try makeFolder(path: folder)
    let lock = try FolderLock(folder: folder)
    try AtomicFile.removeLeftovers(inFolder: folder)
    try withExtendedLifetime(lock) {
      try checkReport(SHA256Digest(of: text))
      try data.prepare(text)
      let sweeps = sections.flatMap(\.sweeps).reduce(into: [PaperSweep]()) { found, sweep in
        if !found.contains(where: { $0.name == sweep.name }) { found.append(sweep) }
      }
      let planned = different(sweeps.flatMap { sweep in sweep.rates.map(sweep.experiment) } + experiments)
      total = planned.count
      clock.begin(workAhead: planned.filter { !isComplete($0) }.reduce(0) { $0 + $1.seconds })
      for experiment in planned where experiment.isMeasurement { try complete(experiment, on: pool) }
      for sweep in sweeps {
        for rate in sweep.rates { try complete(sweep.experiment(rate), on: pool) }
        rates.choose(sweep, results)
      }
      for experiment in different(experiments) where !experiment.isMeasurement { try complete(experiment, on: pool) }
    }
  }

  private var experiments: [PaperExperiment] { sections.flatMap { $0.experiments(rates) } }

  /// Sections share experiments.
  private func different(_ experiments: [PaperExperiment]) -> [PaperExperiment] {
    var names = Set<String>()
    return experiments.filter { names.insert($0.name).inserted }
  }

  /// Throws if the folder has a report on another text or of another size.
  private func checkReport(_ digest: SHA256Digest) throws {
    let path = folder + "/report.json"
    let now: [String: JSONValue] = ["text": .text("\(digest)"), "quick": .boolean(scale.isQuick)]
    guard fileExists(path: path) else {
      return try write(JSONReport(now).text, to: path)
    }
    let before = try Self.members(path)
    for (key, value) in now where before[key] != value {
      throw CommandError(
        .badConfiguration,
        "\(folder): expected a report of the same text and size, found one "
          + (key == "text" ? "of another text" : scale.isQuick ? "without --quick" : "made with --quick"),
        hint: "choose another folder with -o, or move this one away")
    }
  }

  /// The settings of every experiment, in the order of the report.
  var settings: [(name: String, settings: [String])] {
    let made = sections.flatMap { section in
      section.sweeps.flatMap { sweep in sweep.rates.map(sweep.experiment) } + section.experiments(rates)
    }
    return different(made).map { ($0.name, $0.settings) }
  }

  // MARK: - One experiment

  private func path(_ experiment: PaperExperiment) -> String { "\(folder)/experiments/\(experiment.name)" }

  private func isComplete(_ experiment: PaperExperiment) -> Bool {
    fileExists(path: path(experiment) + "/result.json")
  }

  private mutating func complete(_ experiment: PaperExperiment, on pool: WorkerPool) throws {
    guard results.numbers[experiment.name] == nil else { return }
    let file = path(experiment) + "/result.json"
    if !isComplete(experiment) {
      try throwIfStopped()
      try makeFolder(path: folder + "/experiments")
      try makeFolder(path: path(experiment))
      let numbers = try numbers(experiment, on: pool)
      let members: [String: JSONValue] = [
        "settings": .list(experiment.settings.map { .text($0) }), "commit": .text(Terminal.buildCommit),
        "numbers": .object(numbers.mapValues { .number($0) }),
      ]
      try write(JSONReport(members).text, to: file)
      // The model stays; what could only resume the run goes, now that nothing needs it.
      let checkpoints = CheckpointFolder(path: path(experiment) + "/checkpoints")
      for step in try checkpoints.steps() { try checkpoints.remove(step: step) }
      clock.end(work: experiment.seconds, begun: 0)
    }
    let members = try Self.members(file)
    guard members["settings"] == .list(experiment.settings.map { .text($0) }),
      case .object(let found)? = members["numbers"]
    else {
      throw CommandError(
        .badConfiguration, "\(file): expected the settings of this version of the report, found others",
        hint: "choose another folder with -o, or remove this experiment")
    }
    results.numbers[experiment.name] = found.compactMapValues { value in
      switch value {
      case .integer(let integer): Double(integer)
      case .number(let number): number
      default: nil
      }
    }
    ended += 1
  }

  private func numbers(_ experiment: PaperExperiment, on pool: WorkerPool) throws -> [String: Double] {
    switch experiment.work {
    case .training(let settings, let question):
      return try train(experiment, settings, question, on: pool)
    case .trainingSpeed(let settings, let length, let repetitions):
      say(experiment)
      return try PaperMeasurement(settings, data, threads: pool.threadCount)
        .training(length: length, repetitions: repetitions)
    case .decoding(let settings, let depth, let batch, let tokens):
      say(experiment)
      return try PaperMeasurement(settings, data, threads: pool.threadCount)
        .decoding(depth: depth, batch: batch, tokens: tokens)
    }
  }

  private func say(_ experiment: PaperExperiment) {
    let left = clock.secondsLeft(work: experiment.seconds, begun: 0, done: 0)
    options.say(
      "\(label) \(experiment.name)" + (left.map { ", \(clockTime($0)) left" } ?? ""))
  }

  private var label: String { "paper \(ended + 1)/\(total)" }

  private func train(
    _ experiment: PaperExperiment, _ settings: [String], _ question: PaperExperiment.Question, on pool: WorkerPool
  ) throws -> [String: Double] {
    let path = path(experiment)
    let isRecall = if case .recall = question { true } else { false }
    let plan = try TrainingPlan(
      ConfigurationText(path: path + "/config.yaml", bytes: PaperTraining.emptyFile),
      overrides: settings + (isRecall ? data.recallSettings : data.textSettings))
    let (clock, work, steps) = (clock, experiment.seconds, Double(plan.training.steps))
    let display = RunDisplay(
      label: "\(label) \(experiment.name)", resumeAdvice: "the same command goes on from there",
      secondsLeft: { begun, step in
        clock.secondsLeft(work: work, begun: Double(begun) / steps, done: Double(step) / steps)
      })
    let run = PlannedRun(
      plan: plan, folderPath: path, start: nil,
      resumePoint: fileExists(path: path + "/config.yaml") ? try ResumePoint("auto", output: path) : nil,
      display: display, isIntroduced: false, options: options)
    do {
      _ = try run.train(TrainingLimits(step: nil, time: nil), on: pool)
    } catch let error as CommandError where error.status == .guarded {
      // Too high a learning rate is a result too. The same steps would lead to the same end.
      options.say("\(experiment.name): \(error.message)")
      return ["diverged": 1]
    }
    let figures = try RunFigures(log: path + "/metrics.jsonl", batchTokens: plan.training.batchTokens)
    var numbers = ["parameters": Double(plan.parameterCount), "seconds": figures.seconds]
    numbers["loss"] = figures.validationLoss
    numbers["bits_per_byte"] = figures.bitsPerByte
    numbers["tokens_per_second"] = figures.tokensPerSecond
    let asked = PaperQuestions(model: path + "/last.safetensors", data: data, on: pool)
    switch question {
    case .nothing: break
    case .contexts(let lengths, let places): numbers.merge(try asked.contexts(lengths, places: places)) { $1 }
    case .recall(let pairs): numbers.merge(try asked.recall(pairs)) { $1 }
    }
    return numbers
  }

  /// Ends the command after a signal. What is complete and what is saved stays.
  private func throwIfStopped() throws {
    guard let signal = StopSignals.received else { return }
    options.say(
      "stopped by \(signal): \(ended) of \(counted(total, "experiment")) complete; the same command goes on from there")
    throw ExitStatus.stopped.exit
  }

  private func write(_ text: String, to path: String) throws {
    try AtomicFile.write(Array((text + "\n").utf8), replacing: path)
  }

  private static func members(_ path: String) throws -> [String: JSONValue] {
    let bytes = try readAll(path: path, byteLimit: 1 << 24)
    guard case .object(let members)? = try? decodedJSON(JSONValue.self, from: bytes) else {
      throw CommandError(.badData, "\(path): expected what 'retnet paper' writes, found something else")
    }
    return members
  }
}
