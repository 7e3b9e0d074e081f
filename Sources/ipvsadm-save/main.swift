import Glibc
import KernelDirector
import VirtualServer

var administration = Administration(CommandLine.arguments) { () throws(DirectorError) in try Director() }
exit(administration.save())
