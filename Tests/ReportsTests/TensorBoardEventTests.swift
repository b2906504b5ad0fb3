import Reports
import Testing

@Suite struct TensorBoardEventTests {
  @Test(
    arguments: [
      // RFC 3720, appendix B.4, and the check value of the CRC catalogues.
      ("123456789", 0xE306_9283), ("", 0), (String(repeating: "\0", count: 32), 0x8A91_36AA),
    ] as [(String, UInt32)])
  func checksumsAreTheKnownOnes(_ text: String, _ sum: UInt32) {
    #expect(CRC32C.checksum(Array(text.utf8)) == sum)
  }

  /// Bytes made with the Python package tensorboard 2.21.0: `Event.SerializeToString()` and its `masked_crc32c`.
  @Test func recordsAreThoseOfThePythonPackage() {
    let events: [(TensorBoardEvent, String)] = [
      (
        TensorBoardEvent(time: 1_700_000_000.5, step: 0, .fileVersion),
        "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110"
      ),
      (
        TensorBoardEvent(time: 1_700_000_000.5, step: 301, .start),
        "100000000000000095fbfe180900002040fc54d94110ad023a020801596f3f79"
      ),
      (
        TensorBoardEvent(
          time: 1_700_000_001.25, step: 310, .scalars([("train/loss", 3.25), ("train/learning_rate", 0)])),
        "3d000000000000006049f1ec0900005040fc54d94110b6022a2f0a110a0a747261696e2f6c6f737315000050400a1a0a13747261696e2f"
          + "6c6561726e696e675f7261746515000000003d677581"
      ),
      (
        TensorBoardEvent(time: 1, step: 1, .scalars([("x", .nan)])),
        "1700000000000000e7cef81e09000000000000f03f10012a0a0a080a0178150000c07f86934ff4"
      ),
    ]
    for (event, expected) in events {
      let found = event.record.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(found == expected, "step \(event.step)")
    }
  }
}
