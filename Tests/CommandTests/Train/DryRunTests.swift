import Foundation
import Testing

extension CommandRuns {
  @Suite struct DryRunTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private static let dryRun = "train --config config.yaml --dry-run "

    @Test func printsAConfigurationThatMeansTheSame() throws {
      let before = try workspace.contents
      let first = try workspace.result(Self.dryRun + "-t 2")
      #expect(try workspace.contents == before)
      try workspace.write(first, "again.yaml")
      let second = try workspace.result("train --config again.yaml --dry-run -t 2")
      func settings(_ text: String) -> [Substring] { text.split(separator: "\n").filter { !$0.hasPrefix("#") } }
      #expect(settings(first) == settings(second) && settings(first).count > 50)
    }

    @Test func saysWhatTheRunAmountsTo() throws {
      let text = try workspace.result(Self.dryRun + "-t 2 --set training.micro_batch_tokens=64")
      for part in [
        "# parameters\n", "#   embedding ", "#   retention ", "#   feed-forward ", "#   norms ", "#   head ",
        "# memory\n", "#   parameters ", "#   gradients ", "#   optimizer moments ", "#   activations ",
        "#   evaluation ", "#   together ", " of token files, cached",
        "# 12 steps of 128 tokens in micro-batches of 2 × 32",
        "# measured on 2 threads: ", " s a step of 128 tokens, ", "# ETA ", ", including evaluations of ",
      ] { #expect(text.contains(part), "\(part) is not in \(text)") }
      let unevaluated = try workspace.result(Self.dryRun + "--set data.validation=")
      #expect(!unevaluated.contains("evaluation "))
    }

    @Test func theSameIsOneObject() throws {
      let text = try workspace.result(Self.dryRun + "-t 2 --json --set training.train_only=lm_head.weight")
      let report = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
      let parts = try #require(report["parameters_by_part"] as? [String: Int])
      #expect(report["parameters"] as? Int == parts.values.reduce(0, +) && parts.count == 5)
      #expect(report["parameters_trained"] as? Int == 320 * 32 && report["tokens_per_step"] as? Int == 128)
      let memory = try #require(report["memory_bytes_by_part"] as? [String: Double])
      #expect(report["memory_bytes"] as? Double == memory.values.reduce(0, +))
      let (step, end) = (report["seconds_per_step"] as? Double ?? 0, report["eta_seconds"] as? Double ?? 0)
      #expect(step > 0 && end >= 12 * step)
      let configuration = try #require(report["configuration"] as? [String: [String: Any]])
      #expect(configuration["model"]?["width"] as? Int == 32 && configuration["model"]?["key_width"] as? Int == 32)
      #expect(configuration["training"]?["train_only"] as? [String] == ["lm_head.weight"])
      let huge = try workspace.run(Self.dryRun + "--json --set model.width=65536 --set model.layers=1000")
      #expect(huge.status == 78 && huge.text.contains("\"seconds_per_step\" : null"), "\(huge.text)")
      try workspace.expectFailure("train --config config.yaml -o new --json", status: 64, "--json: expected together")
    }

    /// Keys that do nothing as they stand, and a memory that does not reach; advice only where it helps.
    @Test(arguments: [
      ("--set training.patience=2 --set training.evaluate_every=0", "training.patience is 2, but without "),
      ("--set training.evaluate_every=2 --set data.validation=", "training.evaluate_every is 2, but without "),
      ("--set training.sequence_length=128", "the training sequence of 128; more heads reach further\n"),
      ("--set training.sequence_length=128 --set model.decay=single", "the training sequence of 128\n"),
    ])
    func warnsOfWhatCannotBeMeant(_ settings: String, _ warning: String) throws {
      let text = try workspace.result(Self.dryRun + settings)
      #expect(text.contains("# warning: ") && text.contains(warning), "\(text)")
      #expect(try !workspace.result(Self.dryRun).contains("# warning: training."))
    }

    @Test func partsOfTheParametersAddUp() throws {
      let lines = try workspace.result(Self.dryRun).split(separator: "\n").map(String.init)
      let first = try #require(lines.firstIndex(of: "# parameters"))
      let counts = lines[(first + 1)...].prefix { $0.hasPrefix("#   ") }.compactMap {
        Int($0.dropFirst(4).split(separator: " ")[1].replacing(",", with: ""))
      }
      #expect(counts.count == 5)
      #expect(lines[0].hasPrefix("# \(grouped(counts.reduce(0, +))) parameters: "))
    }

    private func grouped(_ number: Int) -> String {
      // Five or six digits.
      "\(number / 1000),\(String(number % 1000 + 1000).dropFirst())"
    }

    @Test func whatNoMachineCanHoldIsRefusedBeforeItIsAllocated() throws {
      let huge = "--set model.width=65536 --set model.layers=1000"
      let message = "error: config.yaml: expected a run that fits into "
      // 10^14 weights: petabytes.
      try workspace.expectFailure("train --config config.yaml -o new " + huge, status: 78, message)
      let plan = try workspace.run(Self.dryRun + huge)
      #expect(plan.status == 78)
      #expect(plan.talk.hasPrefix(message) && plan.talk.contains("optimizer moments "), "\(plan.talk)")
      #expect(plan.talk.contains("\nhint: make the model smaller"))
      #expect(plan.text.contains("#   together ") && !plan.text.contains("# measured"))
      // 10^9 tokens of activations at a time.
      let long = "--preset reference -b 1073741824 --sequence-length 1 --set training.micro_batch_tokens=1073741824"
      let message2 = "error: reference: expected a run that fits into "
      try workspace.expectFailure("bench train " + long, status: 78, message2)
      let hint = try workspace.run("bench train -q " + long).talk
      #expect(hint.contains("\nhint: lower training.micro_batch_tokens"), "\(hint)")
    }

    @Test(arguments: [
      "--precision float32", "--precision bfloat16", "--precision bfloat16 --set training.recompute=blocks",
    ])
    func theForecastIsTheMeasuredPeak(_ options: String) throws {
      let sizes =
        "--set model.width=256 --set model.value_width=512 --set model.layers=4 --set model.vocabulary_size=2048"
      let run = try workspace.run("bench train -t 2 -r 1 --output-format jsonl -q \(sizes) -b 4 " + options)
      #expect(run.status == 0, "\(run.talk)")
      let row = try #require(try JSONSerialization.jsonObject(with: run.output) as? [String: Any])
      guard row["peak_memory_of"] as? String == "row" else { return }
      let forecast = try #require(row["forecast_memory_bytes"] as? Double)
      let measured = try #require(row["peak_memory_bytes"] as? Double)
      // A hundred megabytes and more; pages that are never touched and what the system adds.
      #expect(measured > 1e8 && abs(forecast / measured - 1) < 0.15, "\(forecast), measured \(measured)")
    }

    @Test func allThatIsWrongBetweenTheFilesIsToldAtOnce() throws {
      let line = "train --config config.yaml -o new --set data.train=none.tokens --set data.validation=nor.tokens"
      let settings = " --set model.vocabulary_size=319"
      let before = try workspace.contents
      let run = try workspace.run(line + settings + " -q")
      #expect(run.status == 66)
      #expect(try workspace.contents == before)
      #expect(
        run.talk == """
          error: config.yaml: data.train: none.tokens: no such file
          error: config.yaml: data.validation: nor.tokens: no such file
          error: config.yaml: model.vocabulary_size: expected at least 320, the size of tokenizer.model, found 319
          hint: a relative path starts at the current folder

          """)
    }
  }
}
