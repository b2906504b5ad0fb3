import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct StopStringsTests {
  /// What comes before the first place at which a stop string lies.
  private func cut(_ text: String, _ stops: [String]) -> String {
    let bytes = Array(text.utf8)
    let end = bytes.indices.first { start in stops.contains { bytes[start...].starts(with: Array($0.utf8)) } }
    return String(decoding: bytes[..<(end ?? bytes.count)], as: UTF8.self)
  }

  @Test(arguments: [["abc"], ["aab", "b"], ["a", "ab"], ["cabc", "bb"], ["ñ🙂", "c"], []])
  func textEndsBeforeTheFirstStopString(_ strings: [String]) {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      let characters = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        ["a", "b", "c", "ñ", "🙂"][Int.random(in: 0..<5, using: &random)]
      }
      var stops = StopStrings(strings)
      var text = ""
      for character in characters {
        text += stops.append(character)
        if stops.isFound { break }
      }
      text += stops.finish()
      #expect(text == cut(characters.joined(), strings))
      #expect(stops.isFound == (text != characters.joined()))
      #expect(stops.append("more").isEmpty || !stops.isFound)
    }
  }

  @Test func onlyAPossibleBeginningIsHeldBack() {
    var stops = StopStrings(["\nUser:"])
    #expect(stops.append("Yes.") == "Yes.")
    #expect(stops.append("\nUs") == "")
    #expect(stops.append("a") == "\nUsa")
    #expect(stops.append("\nUser") == "")
    #expect(stops.append(": no") == "")
    #expect(stops.isFound)
    #expect(stops.finish() == "")
  }
}
