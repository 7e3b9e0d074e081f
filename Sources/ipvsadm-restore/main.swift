import Glibc
import KernelDirector
import VirtualServer

var administration = Administration(CommandLine.arguments) { () throws(DirectorError) in try Director.open() }
exit(administration.restore())
