# Language level and warnings of every target; one function that makes a library of a folder.

get_filename_component(STEELYARD_ROOT ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_library(steelyard_warnings INTERFACE)
target_compile_options(steelyard_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Woverloaded-virtual
  -Wno-missing-field-initializers   # options are given by name, the rest keep their defaults
  -Wno-restrict -Wno-stringop-overread)   # GCC 12 sees them in its own std::string at -O3

# One build gives the same bits on every machine: no contraction to fused multiply-add.
add_compile_options(-ffp-contract=off)

# steelyard_add_library(NAME SOURCES ... [PUBLIC libs ...] [PRIVATE libs ...])
function(steelyard_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(steelyard_${name} STATIC ${ARG_SOURCES})
  add_library(steelyard::${name} ALIAS steelyard_${name})
  target_include_directories(steelyard_${name} PUBLIC ${STEELYARD_ROOT})
  target_link_libraries(steelyard_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} steelyard_warnings)
endfunction()

# The plug-ins of one kind, read from its list.inc: each line NAME(x) stands for x.cpp beside it.
function(steelyard_plugin_sources folder result)
  file(STRINGS ${folder}/list.inc lines REGEX "^[A-Z_]+\\(")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/list.inc)
  set(found)
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^[A-Z_]+\\(([a-z0-9_]+)\\).*" "\\1" name ${line})
    list(APPEND found ${folder}/${name}.cpp)
  endforeach()
  set(${result} ${${result}} ${found} PARENT_SCOPE)
endfunction()
