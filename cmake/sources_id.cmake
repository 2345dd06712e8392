# Writes a header with the hash of every file that decides numbers: -DROOT=... -DOUTPUT=...
# Names and contents count, in the order of names; files that only show results do not.
include(${CMAKE_CURRENT_LIST_DIR}/numeric_sources.cmake)
steelyard_numeric_sources(${ROOT} files)
set(all "")
foreach(file IN LISTS files)
  file(SHA256 ${ROOT}/${file} hash)
  string(APPEND all "${file} ${hash}\n")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING ${id} 0 12 id)
file(WRITE ${OUTPUT} "#define STEELYARD_SOURCES_ID \"${id}\"\n")
