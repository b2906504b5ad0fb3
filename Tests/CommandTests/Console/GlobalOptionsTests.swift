import ArgumentParser
import Files
import Testing
import retnet

@Suite struct GlobalOptionsTests {
  @Test func readsFlags() throws {
    let options = try GlobalOptions.parse(["-t", "7", "-q", "--color", "off"])
    #expect(try options.threadCount == 7)
    #expect(options.quiet && !options.verbose)
    #expect(options.progressStyle == .silent)
    #expect(!options.color.isColorful(.error))
    #expect(try GlobalOptions.parse(["--threads", "1024"]).threadCount == 1024)
  }

  @Test func usesAtLeastOneThreadUnasked() throws {
    #expect(GlobalOptions.threadRange.contains(try GlobalOptions.parse([]).threadCount))
  }

  @Test(arguments: [["-t", "0"], ["-t", "1025"], ["-t", "-1"], ["-t", "two"], ["-q", "-v"], ["--color", "red"]])
  func refusesOtherValues(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try GlobalOptions.parse(arguments) }
  }
}
