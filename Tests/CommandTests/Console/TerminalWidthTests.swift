import Foundation
import Testing

extension CommandRuns {
  /// What is shown fits the terminal: the least important is left out, the rest broken between words.
  @Suite struct TerminalWidthTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// What a terminal of this width shows, line by line; one that is rewritten counts as several.
    private func lines(_ line: String, _ columns: Int) throws -> [String] {
      let terminal = try TerminalBinary(line, in: workspace.folder, columns: UInt16(columns))
      #expect(try terminal.status() <= 1, "\(terminal.screen)")
      return terminal.screen.replacing("\u{1B}[K", with: "").split { ["\r", "\n", "\r\n"].contains($0) }
        .map(String.init)
    }

    @Test(arguments: [80, 60, 40])
    func tablesAndFiguresFit(_ columns: Int) throws {
      _ = try workspace.result("generate -m model.safetensors -q -p light -n 9 --undo-window 8 --state-out state")
      for (line, figure) in [
        ("verify model.safetensors --length 60", "recurrent "),
        ("verify model.safetensors --length 60 -v", "recurrent "),
        ("verify model.safetensors --length 60 --tolerance 1e-12 -q", "FAILED"),
        ("eval -m model.safetensors validation.tokens", "bits per byte "), ("info model.safetensors", "digest"),
        ("info train.tokens", "documents"), ("info tokenizer.model", "digest"), ("state info state", "tokens"),
        ("bench train --config config.yaml -t 1,2 -r 1", "tokens/s"),
        ("bench generate --config config.yaml -t 1,2 -r 1 -p 8 -n 2", "tokens/s"),
        ("train --config config.yaml --dry-run", "parameters"), ("help train", "--config"), ("help", "tokenize"),
      ] {
        let shown = try lines(line, columns)
        #expect(shown.contains { $0.contains(figure) }, "\(line): \(shown)")
        // A digest is not cut, nor a path behind its key.
        let breakable = shown.filter { $0.drop { $0 == " " }.contains(" ") && !$0.contains(": /") }
        for text in breakable where text.count > columns {
          Issue.record("\(line): \(text)")
        }
      }
    }

    @Test(arguments: [80, 60, 40, 20])
    func progressKeepsWhatMatters(_ columns: Int) throws {
      let shown = try lines("train --config config.yaml -o run", columns)
      let last = try #require(shown.last { $0.contains("12/12 steps") })
      #expect(last.count < columns)
      #expect(last.contains("validation ") == (columns >= 40), "\(last)")
      let evaluation = try lines("eval -m model.safetensors text.txt -t 1", columns).filter { $0.hasPrefix("eval ") }
      for line in evaluation { #expect(line.count < columns && line.contains("/\(grouped(TinyProject.text))")) }
    }

    private func grouped(_ text: String) -> String {
      let count = "\(text.utf8.count)"
      return "\(count.dropLast(3)),\(count.suffix(3))"
    }

    @Test func tablesThatNoTerminalShowsAreWhole() throws {
      let table = try workspace.result("verify model.safetensors --length 60 -q")
      #expect(table.contains("before head norm") && table.contains("same token"))
      #expect(try workspace.result("bench train --config config.yaml -t 1 -r 1 -q").contains("\n|"))
    }
  }
}
