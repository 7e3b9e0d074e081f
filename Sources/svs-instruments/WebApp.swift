import ArgumentParser
import Glibc
import HostSystem
import InstrumentCommands
import WebApp

extension WebAppCommand {
  var setting: WebApp.Setting {
    WebApp.Setting(address: address, port: port, threads: threads, grace: .seconds(grace))
  }
}

func serve(_ setting: WebApp.Setting) async throws {
  // A connection is a file: as many as this process may have.
  let limit = try reporting { () throws(SystemError) in try OpenFiles.makeRoom(for: .max) }
  // SwiftNIO ends the program where a thread cannot have its queue of events, what wakes it, and its clock.
  let needed = setting.threads * 3 + 16
  guard limit >= needed else {
    complain(
      "\(setting.threads) threads need \(needed) open files, and this process may have \(limit) (ulimit -Hn); "
        + "raise that limit, or take fewer threads")
    throw ExitCode.failure
  }
  let app = WebApp(setting) { address, port in
    print("serving on \(address), port \(port)")
    // Whoever waits for this line may read it from a pipe.
    fflush(nil)
  } whenFull: { reason in
    complain(
      "connections cannot be taken: \(reason); they wait until others are closed. This process may have "
        + "\(limit) files open (ulimit -Hn): raise that limit, or let fewer clients come")
  }
  do throws(WebAppError) {
    try await app.serveUntilSignal()
  } catch {
    complain(error.description)
    throw ExitCode.failure
  }
}
