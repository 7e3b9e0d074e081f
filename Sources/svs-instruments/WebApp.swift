import ArgumentParser
import Glibc
import InstrumentCommands
import WebApp

extension WebAppCommand {
  var setting: WebApp.Setting {
    WebApp.Setting(address: address, port: port, threads: threads, grace: .seconds(grace))
  }
}

func serve(_ setting: WebApp.Setting) async throws {
  do throws(WebAppError) {
    try await WebApp(setting) { address, port in
      print("serving on \(address), port \(port)")
      // Whoever waits for this line may read it from a pipe.
      fflush(nil)
    }.serveUntilSignal()
  } catch {
    complain(error.description)
    throw ExitCode.failure
  }
}
