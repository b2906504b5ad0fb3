import Foundation
import Testing

extension CommandRuns {
  @Suite struct PipelineTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test func encodingAndDecodingGiveBackEveryByte() throws {
      let hostile = "Light  ▁day\r\n\n\tñ 🙂 \u{1}\u{2028}\u{FEFF} no newline at the end"
      try workspace.write(TinyProject.text + hostile, "text.txt")
      for model in ["tokenizer.model", "other.model"] {
        let ids = try workspace.result("tokenize encode -m \(model) text.txt")
        #expect(ids.split(separator: "\n").count == 603)
        #expect(ids == (try workspace.result("tokenize encode -m \(model)", input: TinyProject.text + hostile)))
        let decoded = try workspace.run("tokenize decode -m \(model)", input: ids)
        #expect(decoded.output == (try workspace.bytes("text.txt")))
      }
      let framed = try workspace.result("tokenize encode -m tokenizer.model --bos --eos", input: "day\nnight\n")
      #expect(framed.hasPrefix("1 ") && framed.hasSuffix(" 2\n"))
      let lines = try workspace.result(
        "tokenize encode -m tokenizer.model --output-format jsonl", input: "day\nnight\n")
      #expect(lines.split(separator: "\n").count == 2)
      #expect(lines.contains(#""pieces":["#))
    }

    @Test func packingVerifiesAndHoldsOut() throws {
      let whole = try workspace.run("tokenize pack -m tokenizer.model --input text.txt -o a.tokens --verify")
      #expect(whole.status == 0)
      #expect(whole.text == "" && whole.talk.contains("a.tokens: "))
      let ids = try workspace.result("tokenize encode -m tokenizer.model text.txt").split { $0 == " " || $0 == "\n" }
      let report = try workspace.json("info a.tokens --json --check")
      #expect(report["tokens"] as? Int == ids.count + 1)
      #expect(report["documents"] as? Int == 1)
      #expect(report["bytes"] as? Int == TinyProject.text.utf8.count)
      _ = try workspace.result(
        "tokenize pack -m tokenizer.model --input text.txt -o b.tokens --documents line "
          + "--validation-output c.tokens --validation-fraction 0.25 --verify")
      #expect(try workspace.json("info b.tokens --json")["documents"] as? Int == 450)
      #expect(try workspace.json("info c.tokens --json --check")["documents"] as? Int == 150)
      // A tokenizer that changes the text is found out.
      _ = try workspace.result(
        "tokenize train --input text.txt --vocab-size 320 --normalization nfkc_cf -o folded.model")
      try workspace.expectFailure(
        "tokenize pack -m folded.model --input text.txt -o d.tokens --verify", status: 65,
        "decoding does not restore the text\nhint: ")
    }

    @Test func trainingFillsItsFolder() throws {
      let run = try workspace.run("train --config config.yaml -o run/deep/er")
      #expect(run.status == 0)
      #expect(run.text.hasPrefix("run/deep/er/best.safetensors  "))
      #expect(run.text.hasSuffix(" bits per byte on validation.tokens\n"))
      let names = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.path + "/run/deep/er").sorted()
      // The name of an event file has the time and the machine in it.
      #expect(names.count { $0.hasPrefix("events.out.tfevents.") } == 1)
      #expect(
        names.filter { !$0.hasPrefix("events.") } == [
          ".lock", "best.safetensors", "checkpoints", "config.yaml", "last.safetensors", "loss.svg", "metrics.jsonl",
        ])
      let metrics = try workspace.text("run/deep/er/metrics.jsonl").split(separator: "\n")
      // Steps 1, 4, 8, 12 and evaluations after 6 and 12.
      #expect(metrics.count == 6)
      #expect(metrics.allSatisfy { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) is [String: Any] })
      #expect(try workspace.bytes("run/deep/er/best.safetensors") == workspace.bytes("model.safetensors"))
      // What the run has resolved is a configuration that gives the same run.
      let again = try workspace.result("train --config run/deep/er/config.yaml -o again -t 1 -q")
      #expect(again.hasPrefix("again/best.safetensors  "))
      #expect(try workspace.bytes("again/last.safetensors") == workspace.bytes("run/deep/er/last.safetensors"))
      let plan = try workspace.result("train --config config.yaml --dry-run")
      #expect(plan.contains(try workspace.text("run/deep/er/config.yaml")))
    }

    @Test func evaluationReportsTheSameForEveryFormAndChunkLength() throws {
      let report = try workspace.json("eval -m model.safetensors text.txt --json -q")
      let keys = [
        "bits_per_byte", "byte_perplexity", "bytes", "chunk_length", "documents", "files", "first_token", "form",
        "loss", "loss_standard_error", "method", "method_text", "model", "model_digest", "peak_memory_bytes",
        "perplexity", "precision", "schema_version", "seconds", "standard_error_over", "tokenizer_digest", "tokens",
        "tokens_per_second", "weights", "word_perplexity", "words",
      ]
      #expect(report.keys.sorted() == keys)
      let loss = try #require(report["loss"] as? Double)
      #expect(report["bytes"] as? Int == TinyProject.text.utf8.count)
      #expect(loss > 1 && loss < 7)
      let options = ["parallel", "recurrent", "auto"] + [1, 7, 64, 100].map { "chunkwise --chunk-length \($0)" }
      for option in options {
        let found = try workspace.json("eval -m model.safetensors text.txt --json -q --form \(option)")
        #expect(abs(try #require(found["loss"] as? Double) / loss - 1) < 1e-5, "\(option)")
      }
      for threads in [1, 2] {
        let found = try workspace.json("eval -m model.safetensors text.txt --json -q -t \(threads)")
        #expect(found["loss"] as? Double == loss)
      }
      #expect(try workspace.result("eval -m model.safetensors text.txt -q").contains("bits per byte   "))
    }

    @Test func aTextAndItsTokenFileScoreTheSame() throws {
      let text = try workspace.json("eval -m model.safetensors text.txt --json --documents line -q")
      _ = try workspace.result("tokenize pack -m tokenizer.model --input text.txt --documents line -o all.tokens -q")
      let tokens = try workspace.json("eval -m model.safetensors all.tokens --json -q")
      for key in ["loss", "tokens", "bytes", "bits_per_byte", "words", "word_perplexity"] {
        #expect(text[key] as? Double == tokens[key] as? Double, "\(key)")
      }
      let unscored = try workspace.json("eval -m model.safetensors text.txt --json --no-bos -q")
      #expect(unscored["first_token"] as? String == "not scored")
      #expect(
        unscored["tokens"] as? Int
          == (try workspace.json("eval -m model.safetensors text.txt --json -q")["tokens"] as? Int).map { $0 - 1 })
    }

    @Test func wordsCountInATokenFileAsInItsText() throws {
      _ = try workspace.result("tokenize pack -m tokenizer.model --input text.txt -o all.tokens -q")
      let alone = try workspace.json("eval -m model.safetensors text.txt --json -q")
      let words = try #require(alone["words"] as? Int)
      #expect(words == TinyProject.text.split { $0 == " " || $0 == "\n" }.count)
      let both = try workspace.json("eval -m model.safetensors text.txt all.tokens --json -q")
      let rows = try #require(both["rows"] as? [[String: Any]])
      #expect(rows.map { $0["words"] as? Int } == [words, words])
      for row in rows {
        let ratio = try #require(row["word_perplexity"] as? Double) / #require(alone["word_perplexity"] as? Double)
        #expect(abs(ratio - 1) < 1e-9)
      }
    }

    @Test func trainingAndEvaluationCountTheSameBytes() throws {
      for boundary in ["reset", "continuous"] {
        _ = try workspace.result(
          "train --config config.yaml -o none --set model.bos=none --set data.documents=\(boundary) -q")
        let lines = try workspace.text("none/metrics.jsonl").split(separator: "\n").map { line in
          try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        let last = try #require(lines.last { $0["validation_loss"] != nil })
        let validation = try #require(last["bits_per_byte"] as? Double)
        let loss = try #require(last["validation_loss"] as? Double)
        let report = try workspace.json("eval -m none/last.safetensors validation.tokens --json -q")
        let (bytes, tokens) = (report["bytes"] as? Double ?? 0, report["tokens"] as? Double ?? 0)
        if boundary == "reset" {
          // The chunk lengths differ, and so the last bits.
          #expect(abs(validation / (report["bits_per_byte"] as? Double ?? 0) - 1) < 1e-5)
          #expect(abs(validation / (loss * tokens / bytes / 0.693_147_180_559_945_3) - 1) < 1e-9)
        } else {
          // Of one text, one token is not scored: all other bytes count.
          let all = try workspace.json("info validation.tokens --json")
          let (count, size) = (all["tokens"] as? Double ?? 0, all["bytes"] as? Double ?? 0)
          let scored = loss * (count - 1) / validation / 0.693_147_180_559_945_3
          #expect(scored < size && scored > size - 20)
        }
        try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("none"))
      }
    }

    @Test(arguments: ["a", "the", "light", "and the light", " a"])
    func aDummyPrefixHasNoBytes(_ text: String) throws {
      // normalizer_spec: with a dummy prefix, whitespace kept.
      try workspace.change("tokenizer.model", to: "prefix.model") { $0 += [0x1A, 4, 0x18, 1, 0x20, 0] }
      _ = try workspace.result("convert model.safetensors --tokenizer prefix.model -o prefix.safetensors -q")
      try workspace.write(text, "short.txt")
      let pieces = try workspace.result("tokenize encode -m prefix.model --output-format pieces short.txt")
        .split { " \n".contains($0) }
      let report = try workspace.json("eval -m prefix.safetensors short.txt --no-bos --json -q")
      // With EOS, without the first.
      #expect(report["tokens"] as? Int == pieces.count)
      #expect(report["bytes"] as? Int == text.utf8.count - pieces[0].dropFirst().utf8.count)
      let followed = try workspace.run("generate -m prefix.safetensors --follow --json -q", input: text)
      let line = try #require(try JSONSerialization.jsonObject(with: followed.output) as? [String: Any])
      #expect(line["bytes"] as? Int == text.utf8.count)
    }

    @Test func idsWithoutAPieceAreNeverMade() throws {
      _ = try workspace.result(
        "train --config config.yaml -o wide --max-steps 1 --set model.vocabulary_size=4096 "
          + "--set training.evaluate_every=0 -q")
      _ = try workspace.result("convert wide/last.safetensors -o wide.safetensors -q")
      let line =
        "generate -m wide.safetensors -p light -n 60 --ignore-eos --temp 9 --top-k 0 --top-p 1 --min-p 0 --json"
      for flags in ["", " --num-samples 3"] {
        let text = try workspace.result(line + flags)
        for part in flags.isEmpty ? [text] : text.split(separator: "\n").map(String.init) {
          let report = try #require(try JSONSerialization.jsonObject(with: Data(part.utf8)) as? [String: Any])
          let ids = try #require(report["ids"] as? [Int])
          #expect(ids.count == 60 && ids.allSatisfy { $0 < 320 })
        }
      }
      let beams = try workspace.json("generate -m wide.safetensors -p light -n 9 --beams 4 --json -q")["beams"]
      let texts = try #require(beams as? [[String: Any]])
      #expect(texts.allSatisfy { ($0["ids"] as? [Int] ?? [320]).allSatisfy { $0 < 320 } })
      try workspace.expectFailure(
        "generate -m wide.safetensors --logit-bias 320+1", status: 64, "--logit-bias: expected an id from 0 to 319")
    }

    @Test func linesOfJSONAndPartsOfOneDocumentAreToldOf() throws {
      try workspace.write("{\"text\": \"And the light\"}\n{\"text\": \"the day\"}\n", "lines.jsonl")
      let line = "tokenize pack -m tokenizer.model --input lines.jsonl -o lines.tokens"
      let warning = "warning: lines.jsonl: read as plain text, including the JSON syntax; --jsonl-field NAME reads the"
      #expect(try workspace.run(line).talk.contains(warning))
      #expect(try !workspace.run(line + " --jsonl-field text").talk.contains("warning"))
      #expect(try workspace.run("eval -m model.safetensors lines.jsonl").talk.contains("warning: lines.jsonl: "))
      // Whatever it is called.
      _ = try workspace.write(workspace.bytes("lines.jsonl"), "lines.txt")
      #expect(
        try workspace.run("eval -m model.safetensors lines.txt").talk.contains("warning: lines.txt: read as plain"))
      let part = "--validation-output held.tokens --validation-fraction 0.1"
      try workspace.expectFailure(
        "tokenize pack -m tokenizer.model --input text.txt -o new.tokens \(part)", status: 65,
        "error: held.tokens: expected documents for this file, found none: there is one document, and "
          + "--validation-fraction is 0.1\nhint: each file is one document; --documents line ")
      try workspace.expectFailure(
        "tokenize pack -m tokenizer.model --input lines.jsonl --jsonl-field text -o new.tokens \(part)", status: 65,
        "error: held.tokens: expected documents for this file, found none: there are 2 documents")
    }

    /// The working folder has a name that no text can hold: relative paths work, and stay relative in a run's folder.
    @Test func aWorkingFolderThatIsNotUTF8IsNoHindrance() throws {
      let script = """
        set -e
        mkdir $'caf\\xe9'
        cp config.yaml model.safetensors text.txt tokenizer.model *.tokens $'caf\\xe9'
        cd $'caf\\xe9'
        "$0" tokenize pack -q -m tokenizer.model --input text.txt -o text.tokens
        "$0" train -q --config config.yaml -o run --max-steps 4
        "$0" train -q --resume auto -o run
        ln -s there link
        "$0" generate -q -m run -p light -n 3 --temp 0 --state-out link
        test -f there -a -L link
        "$0" eval -q -m run text.txt --json
        """
      let run = try runBinary(
        ["-c", script, builtBinary.path], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
      #expect(run.status == 0 && run.text.contains("bits_per_byte"), "\(run.talk)")
    }

    @Test func aLineEndOfTwoBytesIsNoDocument() throws {
      try workspace.write("And the light\r\n\r\nthe day\r\n", "dos.txt")
      _ = try workspace.result(
        "tokenize pack -m tokenizer.model --input dos.txt --documents line -o dos.tokens --verify -q")
      let report = try workspace.json("info dos.tokens --json --check")
      #expect(report["documents"] as? Int == 2 && report["bytes"] as? Int == 20)
      let text = "And the light\r\nday\r\n"
      let lines = try workspace.result("generate -m model.safetensors --follow -q", input: text)
      #expect(lines.split(separator: "\n").allSatisfy { !$0.contains("\r") })
    }

    @Test func failAboveDecidesTheStatusOnly() throws {
      let low = try workspace.run("eval -m model.safetensors text.txt --fail-above 1.5 --json -q")
      #expect(low.status == 1)
      #expect(low.text.contains("\"perplexity\""))
      #expect(low.talk == "")
      #expect(try workspace.run("eval -m model.safetensors text.txt --fail-above 1e9").status == 0)
      #expect(try workspace.run("eval -m model.safetensors text.txt --fail-above 1.5").talk.contains("is above 1.5"))
    }

    @Test(arguments: ["--temp 0", "--temp 0.9 -s 7", "--top-k 0 --top-p 1 -s 18446744073709551615"])
    func generatesTheSameTextOnAnyNumberOfThreads(_ options: String) throws {
      let line = "generate -m model.safetensors -n 150 --ignore-eos \(options)"
      let first = try workspace.run(line + " -p The")
      #expect(first.status == 0)
      #expect(first.output.count > 20)
      #expect(first.output.last == UInt8(ascii: "\n"))
      for threads in [1, 2, 3] { #expect(try workspace.run(line + " -t \(threads) -p The").output == first.output) }
    }

    @Test func promptsComeFromEverywhere() throws {
      let line = "generate -m model.safetensors -n 12 --temp 0 -q"
      let prompt = "-- the day"
      let expected = try workspace.run(line.split(separator: " ").map(String.init) + ["-p", prompt])
      #expect(expected.status == 0)
      try workspace.write(prompt, "prompt.txt")
      #expect(try workspace.result(line + " -f prompt.txt") == expected.text)
      #expect(try workspace.result(line + " -p -", input: prompt) == expected.text)
      #expect(try workspace.result(line + " -f -", input: prompt) == expected.text)
      #expect(try workspace.result(line + " -f prompt.txt --display-prompt") == prompt + expected.text)
      // An empty prompt starts from BOS.
      let empty = try workspace.result(line)
      #expect(try workspace.result(line + " -p -") == empty)
      #expect(try workspace.result(line + " -n 0 -p the") == "\n")
      #expect(try workspace.run(line + " --timings").talk.contains("tokens/s"))
      #expect(try workspace.run(line + " --timings").talk.contains("chunk length of the prompt: 64\n"))
      #expect(
        try workspace.run(line + " --timings --chunk-length 9 -p the").talk.contains("chunk length of the prompt: 9\n"))
      try workspace.write(Data([0x61, 0xFF]), "latin.txt")
      try workspace.expectFailure(
        "generate -m model.safetensors -f latin.txt", status: 65, "error: latin.txt: line 1, byte offset 1")
    }

    @Test func aLongPromptIsReadInPieces() throws {
      // Longer than a block, and than what the encoder holds back.
      let prompt = String(repeating: TinyProject.text, count: 6)
      #expect(prompt.utf8.count > 150_000)
      try workspace.write(prompt, "long.txt")
      let line = "generate -m model.safetensors -n 12 --temp 0 -q"
      let words = line.split(separator: " ").map(String.init)
      let whole = try workspace.run(words + ["-p", String(prompt.prefix(60_000))])
      #expect(whole.status == 0)
      #expect(try workspace.result(line + " -p -", input: String(prompt.prefix(60_000))) == whole.text)
      let long = try workspace.result(line + " -f long.txt")
      #expect(try workspace.result(line + " -f - -t 1", input: prompt) == long)
    }

    @Test func conversionWidensExactly() throws {
      func convert(_ from: String, _ dtype: String) throws -> String {
        let name = "\(dtype)-of-\(from)"
        _ = try workspace.result("convert \(from) -o \(name) --dtype \(dtype) -q")
        return name
      }
      func tensors(_ name: String) throws -> Data {
        let bytes = try workspace.bytes(name)
        return bytes.dropFirst(8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) })
      }
      #expect(try tensors(convert("model.safetensors", "f32")) == tensors("model.safetensors"))
      for dtype in ["bf16", "f16"] {
        let narrow = try convert("model.safetensors", dtype)
        #expect(try workspace.bytes(narrow).count < workspace.bytes("model.safetensors").count)
        let wide = try convert(narrow, "f32")
        #expect(try tensors(wide) != tensors("model.safetensors"))
        // What was narrowed once loses nothing more, and says where it comes from.
        #expect(try tensors(convert(wide, dtype)) == tensors(narrow))
        #expect(try tensors(convert(narrow, dtype)) == tensors(narrow))
        let info = try workspace.json("info \(narrow) --json --check")
        #expect(info["dtype"] as? String == dtype)
        #expect(info["parent"] as? String == (try workspace.json("info model.safetensors --json")["digest"] as? String))
        let loss = try #require(try workspace.json("eval -m \(narrow) text.txt --json -q")["loss"] as? Double)
        #expect(try workspace.json("eval -m \(wide) text.txt --json -q")["loss"] as? Double == loss)
      }
    }

    @Test func numbersThatF16CannotHoldAreRefused() throws {
      try workspace.change("model.safetensors") { bytes in
        let start = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        bytes.replaceSubrange(start..<start + 4, with: [0, 0, 0x80, 0x47])  // 65,536
      }
      try workspace.dropDigest("model.safetensors")
      try workspace.expectFailure(
        "convert model.safetensors -o new --dtype f16", status: 65,
        "error: model.safetensors: tensor 'embed.weight': expected numbers below 65,504, which f16 can hold, found larger ones"
      )
      _ = try workspace.result("convert model.safetensors -o new --dtype bf16")
    }

    @Test func infoDescribesEachKindOfFile() throws {
      let model = try workspace.json("info model.safetensors --json --check")
      #expect(model["kind"] as? String == "model")
      #expect(model["vocabulary_size"] as? Int == 320)
      #expect(model["steps"] as? Int == 12 || model["steps"] as? Int == 6)
      #expect(model["check"] as? String == "the digest is right")
      #expect(model["tensors"] == nil)
      let text = try workspace.result("info model.safetensors -v")
      #expect(text.hasPrefix("kind ") && text.contains("\n  embed.weight F32 [320, 32]\n"))
      #expect(try workspace.json("info tokenizer.model --json")["kind"] as? String == "tokenizer")
      #expect(
        try workspace.json("info tokenizer.model --json")["digest"] as? String == model["tokenizer_digest"] as? String)
      #expect(try workspace.json("info train.tokens --json")["kind"] as? String == "token file")
      #expect(
        try workspace.json("info train.tokens --json --check")["data_digest"] as? String == model["data_digest"]
          as? String)
    }

    @Test func theCheckFindsADamagedByte() throws {
      try workspace.change("model.safetensors") { $0[$0.count - 5_000] ^= 1 }
      #expect(try workspace.run("info model.safetensors").status == 0)
      try workspace.expectFailure(
        "info model.safetensors --check", status: 65, "hint: the file was changed or damaged")
      try workspace.change("train.tokens") { $0[70] ^= 1 }
      #expect(try workspace.run("info train.tokens").status == 0)
      try workspace.expectFailure("info train.tokens --check", status: 65, "error: train.tokens: ")
    }
  }
}
