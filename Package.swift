// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: unsafe code is spelled out, imports say what they reach, existentials are visible.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

/// A Swift library target under `Sources`.
func library(_ name: String, _ dependencies: Target.Dependency...) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A test target under `Tests`; every one may use the Float64 reference.
func tests(_ subject: String, _ dependencies: Target.Dependency...) -> Target {
  .testTarget(
    name: "\(subject)Tests", dependencies: dependencies + [.target(name: "TestSupport")], swiftSettings: settings)
}

/// A library of SwiftNIO, which only a build with the server needs.
func fromNIO(_ name: String) -> Target.Dependency {
  .product(name: name, package: "swift-nio", condition: .when(traits: ["Server"]))
}

/// The commit that is built, for --version.
let commit = Context.gitInformation.map { $0.currentCommit + ($0.hasUncommittedChanges ? "+changes" : "") } ?? "unknown"

let package = Package(
  name: "retnet",
  products: [.executable(name: "retnet", targets: ["retnet"])],
  traits: [.trait(name: "Server", description: "The command serve, whose HTTP library takes half a minute to build.")],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "COpenSSL"),
    .systemLibrary(name: "CZlib"),
    .systemLibrary(name: "CZstd"),
    .systemLibrary(name: "CLZMA"),
    .target(name: "CKernels"),
    .target(
      name: "CSentencePiece",
      linkerSettings: [.linkedLibrary("sentencepiece"), .linkedLibrary("sentencepiece_train")]),
    .target(name: "CLineEditor", linkerSettings: [.linkedLibrary("edit")]),
    .target(name: "CBuildFacts", cSettings: [.define("RN_COMMIT", to: "\"\(commit)\"")]),
    library("Files", "CLineEditor", "COpenSSL", "CZlib", "CZstd", "CLZMA"),
    library("Tensors", "COpenBLAS", "CKernels"),
    library("Checkpoints", "Files"),
    library("Retention", "Tensors"),
    library("Configurations"),
    library("Tokenization", "CSentencePiece"),
    library("Corpora", "Configurations", "Files"),
    library("Modeling", "Checkpoints", "Configurations", "Files", "Retention", "Tensors"),
    library("Inference", "Checkpoints", "Configurations", "Files", "Modeling", "Retention", "Tensors"),
    library("Reports"),
    library("Serving", fromNIO("NIOCore"), fromNIO("NIOHTTP1"), fromNIO("NIOPosix")),
    library("Tasks", "Configurations"),
    library("Training", "Checkpoints", "Configurations", "Corpora", "Files", "Inference", "Modeling", "Tensors"),
    .executableTarget(
      name: "retnet",
      dependencies: [
        "CBuildFacts", "Checkpoints", "Configurations", "Corpora", "Files", "Inference", "Modeling", "Retention",
        "Reports", "Serving", "Tasks", "Tensors",
        "Tokenization", "Training", "Yams", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .target(
      name: "TestSupport", dependencies: ["CAllocationCount", "CLZMA", "CZlib", "CZstd"], path: "Tests/TestSupport",
      swiftSettings: settings),
    .target(
      name: "EngineTestSupport", dependencies: ["CAllocationCount", "TestSupport", "Modeling", "Retention", "Tensors"],
      path: "Tests/EngineTestSupport",
      swiftSettings: settings),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .executableTarget(
      name: "Fuzzer", dependencies: ["Checkpoints", "Tokenization"], path: "Tests/Fuzzer",
      swiftSettings: settings),
    tests("TestSupport"),
    tests("Tensors", "EngineTestSupport", "Tensors", "CKernels"),
    tests("Retention", "EngineTestSupport", "Retention", "Tensors"),
    tests(
      "Modeling", "EngineTestSupport", "Checkpoints", "Configurations", "Files", "Modeling",
      "Retention", "Tensors"),
    tests(
      "Golden", "EngineTestSupport", "Checkpoints", "Configurations", "Files", "Modeling", "Retention", "Tensors",
      "Training"),
    tests("Files", "Files"),
    tests("Checkpoints", "Checkpoints", "Files"),
    tests("Configurations", "Configurations"),
    tests("Reports", "Reports"),
    tests("Tasks", "Tasks"),
    tests("Tokenization", "Tokenization"),
    tests("Corpora", "Configurations", "Corpora", "Files"),
    tests("Inference", "EngineTestSupport", "Checkpoints", "Files", "Inference", "Modeling", "Retention", "Tensors"),
    tests(
      "Training", "EngineTestSupport", "Checkpoints", "Configurations", "Corpora", "Files", "Inference", "Modeling",
      "Retention", "Tensors", "Training"),
    tests(
      "Command", "retnet", "Configurations", "Corpora", "Files", "Modeling", "Tensors", "Training",
      .product(name: "ArgumentParser", package: "swift-argument-parser")
    ),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17,
  cxxLanguageStandard: .cxx17
)
