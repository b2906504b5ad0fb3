import Foundation
import Testing

extension CommandRuns {
  /// `eval --report`: what it writes agrees with the evaluation, with itself and with the text.
  @Suite struct LossReportTests {
    private let workspace: Workspace

    /// About 2,400 tokens, in lines.
    private static let text = String(TinyProject.text.prefix(3_000))

    init() throws {
      workspace = try Workspace()
      try workspace.write(Self.text, "part.txt")
    }

    private struct Line: Decodable, Equatable {
      let (bytes, document, position, id, rank): ([UInt8]?, Int, Int, Int32, Int?)
      let piece: String
      let log_probability, entropy: Double?

      enum CodingKeys: String, CodingKey { case bytes, document, position, id, rank, piece, log_probability, entropy }

      init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        bytes = try values.decode([UInt8]?.self, forKey: .bytes)
        document = try values.decode(Int.self, forKey: .document)
        position = try values.decode(Int.self, forKey: .position)
        id = try values.decode(Int32.self, forKey: .id)
        rank = try values.decode(Int?.self, forKey: .rank)
        piece = try values.decode(String.self, forKey: .piece)
        log_probability = try values.decode(Double?.self, forKey: .log_probability)
        entropy = try values.decode(Double?.self, forKey: .entropy)
      }
    }

    private static let names = [
      "extrapolation.csv", "extrapolation.svg", "horizon.csv", "horizon.svg", "index.html", "position.csv",
      "position.svg", "report.json", "tokens.jsonl",
    ]

    private func lines(_ folder: String = "r") throws -> [Line] {
      try workspace.text("\(folder)/tokens.jsonl").split(separator: "\n")
        .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    /// The rows of a CSV file by the names of its columns.
    private func table(_ name: String, _ folder: String = "r") throws -> [[String: Double]] {
      let lines = try workspace.text("\(folder)/\(name).csv").split(separator: "\n")
        .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
      let names = try #require(lines.first).map(String.init)
      return lines.dropFirst().map { cells in
        #expect(cells.count == names.count)
        let numbers = zip(names, cells).compactMap { name, cell in Double(cell).map { (name, $0) } }
        return Dictionary(uniqueKeysWithValues: numbers)
      }
    }

    /// Evaluates with a report in `r`.
    private func evaluate(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> [String: Any] {
      let report = try workspace.json("eval --json -q --report r \(line)", sourceLocation: sourceLocation)
      let names = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.appendingPathComponent("r").path)
      #expect(names.sorted() == Self.names, sourceLocation: sourceLocation)
      return report
    }

    @Test(arguments: ["", " --documents line", " --documents line --no-bos", " --form recurrent"])
    func allFilesAgreeWithTheEvaluation(_ options: String) throws {
      let result = try evaluate("-m model.safetensors part.txt" + options)
      let (tokens, loss) = (try #require(result["tokens"] as? Int), try #require(result["loss"] as? Double))
      let lines = try lines()
      let losses = lines.compactMap(\.log_probability).map { -$0 }
      #expect(losses.count == tokens)
      #expect(abs(losses.reduce(0, +) / Double(tokens) - loss) < 1e-6)
      for line in lines {
        let isScored = !options.contains("--no-bos") || line.position > 1
        #expect((line.log_probability != nil) == isScored && (line.rank != nil) == isScored)
        #expect((1...320).contains(line.rank ?? 1) && (0...log(320.0) + 1e-6).contains(line.entropy ?? 0))
        // The most likely token has at least the mean probability.
        if line.rank == 1 { #expect((line.log_probability ?? 0) >= -log(320.0)) }
      }
      // The bytes of each document are its text.
      let documents = Dictionary(grouping: lines, by: \.document).sorted { $0.key < $1.key }.map(\.value)
      let texts = documents.map { $0.flatMap { $0.bytes ?? [] } }
      let text = Self.text
      let expected = options.contains("line") ? text.split(separator: "\n").map { Array($0.utf8) } : [Array(text.utf8)]
      #expect(texts == expected)
      #expect(documents.allSatisfy { $0.map(\.position) == Array(1...$0.count) })

      let bins = try table("position")
      #expect(bins.reduce(0) { $0 + ($1["count"] ?? 0) } == Double(tokens))
      let sum = bins.reduce(0) { $0 + ($1["count"] ?? 0) * ($1["loss"] ?? 0) }
      #expect(abs(sum / Double(tokens) - loss) < 1e-6)
      let json = try jsonObject(workspace.text("r/report.json"))
      #expect(json["loss"] as? Double == loss && json["tokens"] as? Int == tokens)
      #expect(json["method_text"] as? String == result["method_text"] as? String)
      // The page has the same method, with the documents.
      let method = try #require(result["method_text"] as? String)
      #expect(try workspace.text("r/index.html").contains("<dt>method</dt><dd>\(method)</dd>"))
      #expect(method.contains("documents by line") == options.contains("line"))
      #expect(json["documents"] as? Int == documents.count && json["all_tokens"] as? Int == lines.count)
      #expect((json["half_life_of_heads_in_tokens"] as? [Double])?.count == 2)
      for name in ["position", "horizon", "extrapolation"] {
        let rows = try #require(json[name] as? [[String: Any]])
        for (row, line) in zip(rows, try table(name)) {
          for (key, number) in line { #expect(abs((row[key] as? Double ?? .nan) - number) < 1e-12, "\(name) \(key)") }
        }
        // No line is long enough for a long context.
        let isEmpty = name == "extrapolation" && options.contains("line")
        #expect(try table(name).count == rows.count && rows.isEmpty == isEmpty)
      }
    }

    /// With a context as long as the whole document, tokens have the losses that they have in it.
    @Test func contextsAreComparable() throws {
      try workspace.write(String(TinyProject.text.prefix(8_000)), "long.txt")
      _ = try evaluate("-m model.safetensors long.txt")
      let losses = try lines().compactMap(\.log_probability).map { -$0 }
      let horizon = try table("horizon")
      #expect(horizon.compactMap { $0["context"] } == (0...12).map { Double(1 << $0) })
      let counts = horizon.compactMap { $0["count"] }
      #expect(counts[0] == 512 && zip(counts, counts.dropFirst()).allSatisfy { $0 >= $1 } && counts[12] < 20)
      for row in horizon {
        #expect((row["slowest_decay"] ?? 0) >= (row["mean_decay"] ?? 1))
        #expect((row["standard_error"] == nil) == (row["count"] == 1))
      }
      // Two heads with half-lives of 22 and 44 tokens see nothing of what is 4,096 tokens away.
      #expect(abs(horizon[12]["excess"] ?? 1) < 1e-4)
      for row in horizon {
        let whole = (row["adjusted_loss"] ?? 0) - (row["excess"] ?? 1)
        #expect(abs(whole - ((horizon[0]["loss"] ?? 0) - (horizon[0]["excess"] ?? 1))) < 1e-9)
      }
      #expect(abs((horizon[0]["mean_decay"] ?? 0) - (1 - 3.0 / 128)) < 1e-9)
      let rows = try table("extrapolation")
      #expect(rows.count >= 3 && rows[0]["context"] == 512 && rows[0]["change"] == 0)
      let last = try #require(rows.last)
      let count = Int(try #require(last["count"]))
      #expect(last["context"] == Double(losses.count - count))
      #expect(abs((last["loss"] ?? 0) - losses.suffix(count).reduce(0, +) / Double(count)) < 1e-5)
    }

    @Test func shortTextsHaveWhatTheyCan() throws {
      try workspace.write("light", "short.txt")
      _ = try evaluate("-m model.safetensors short.txt")
      #expect(try table("extrapolation").isEmpty)
      #expect(try workspace.text("r/extrapolation.svg").contains("no document is long enough"))
      try workspace.write("light\nday\n", "lines.txt")
      _ = try evaluate("-m model.safetensors lines.txt --documents line -t 1")
      #expect(try lines().last?.document == 2)
    }

    @Test func theTrainingLengthIsThatOfTheRunFolder() throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 1 -q")
      for model in ["run", "run/best.safetensors", "run/checkpoints/step-00000001.safetensors"] {
        _ = try evaluate("-m \(model) part.txt --documents line")
        #expect(try jsonObject(workspace.text("r/report.json"))["training_length"] as? Int == 32)
        #expect(try workspace.text("r/position.svg").contains("training length: 32 tokens"))
      }
      _ = try evaluate("-m model.safetensors part.txt --documents line")
      #expect(try jsonObject(workspace.text("r/report.json"))["training_length"] is NSNull)
      #expect(try workspace.text("r/position.svg").contains("training length unknown"))
    }

    @Test func theNumberOfThreadsChangesNothing() throws {
      var found: [[Data]] = []
      for threads in [1, 2] {
        _ = try evaluate("-m model.safetensors part.txt --documents line -t \(threads)")
        found.append(try Self.names.map { try workspace.bytes("r/\($0)") })
      }
      #expect(found[0] == found[1])
      #expect(try lines().last?.document ?? 0 > 2)
    }

    @Test func tokensThatAreNotScoredHaveNoScore() throws {
      let text = (0..<60).map { "{\"q\": \"light \($0 % 7): \", \"a\": \"day\"}\n" }.joined()
      try workspace.write(text, "qa.jsonl")
      let pack = "tokenize pack -m tokenizer.model --input qa.jsonl --prompt-field q --completion-field a -o qa.tokens"
      #expect(try workspace.run(pack).status == 0)
      let result = try evaluate("-m model.safetensors qa.tokens")
      let lines = try lines()
      #expect(lines.count { $0.log_probability != nil } == result["tokens"] as? Int)
      #expect(lines.contains { $0.log_probability == nil && $0.position > 1 })
      for line in lines { #expect((line.log_probability == nil) == (line.rank == nil)) }
      let scored = lines.filter { $0.document == 5 && $0.rank != nil }.flatMap { $0.bytes ?? [] }
      #expect(String(decoding: scored, as: UTF8.self) == "day")
      #expect(try workspace.text("r/index.html").contains("<i class=u>"))
    }

    @Test func aModelWithoutATokenizerHasIDs() throws {
      _ = try workspace.result("convert model.safetensors --to huggingface -o out -q")
      for name in ["tokenizer.model", "tokenizer.json"] {
        try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("out/\(name)"))
      }
      _ = try workspace.result("convert out -o bare.safetensors -q")
      let result = try evaluate("-m bare.safetensors validation.tokens")
      let lines = try lines()
      #expect(lines.count == result["tokens"] as? Int)
      #expect(lines.allSatisfy { $0.piece == "\($0.id)" && $0.bytes == nil })
      let ids = lines.prefix(2).map { "\($0.id) </i>" }
      #expect(ids.allSatisfy(try workspace.text("r/index.html").contains))
    }

    @Test func streamsAndFilesInPlaceOfFoldersAreRefused() throws {
      let line = "eval -m model.safetensors text.txt --report"
      try workspace.expectFailure(
        "\(line) text.txt", status: 73, "error: text.txt: cannot create: a file is in its place")
      try workspace.expectFailure("\(line) text.txt/r", status: 73, "error: text.txt: cannot create")
      try workspace.expectFailure("\(line) -", status: 64, "--report: expected a folder, found '-'")
      let run = try workspace.run("eval -m model.safetensors - --report r", input: "light and day")
      #expect(run.status == 64 && run.output.isEmpty && run.talk.contains("--report: expected files"), "\(run.talk)")
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("r").path))
    }
  }
}
