# jobward_layer(NAME FOLDER SOURCES... [LINKS LAYERS...] [USES LIBRARIES...] [PRECOMPILES HEADERS...])
#
# Makes the static library jobward_NAME from the folder's sources. Every layer sees the headers of its own folder
# and of the layers it LINKS, under their path from the project's root ("common/result.h"), and of no other: a
# directory of its own holds a link to each folder, and layers hand on only theirs. So an include against the
# layers does not compile. Third-party libraries that a layer USES stay its own, unless a public header shows them.
# What it PRECOMPILES are headers of such libraries that take seconds to read and that many of its files include; that
# each file includes what it needs itself is seen by the preset tidy, which precompiles nothing.
set(JOBWARD_INCLUDE_ROOT ${CMAKE_BINARY_DIR}/include)

function(jobward_layer name folder)
  cmake_parse_arguments(PARSE_ARGV 2 LAYER "" "" "SOURCES;LINKS;USES;PRECOMPILES")
  set(target jobward_${name})
  set(include_dir ${JOBWARD_INCLUDE_ROOT}/${name})
  get_filename_component(parent ${include_dir}/${folder} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${include_dir}/${folder} SYMBOLIC)

  add_library(${target} STATIC ${LAYER_SOURCES})
  target_include_directories(${target} PUBLIC ${include_dir})
  foreach(layer IN LISTS LAYER_LINKS)
    target_link_libraries(${target} PUBLIC jobward_${layer})
  endforeach()
  target_link_libraries(${target} PRIVATE ${LAYER_USES})
  if(LAYER_PRECOMPILES)
    target_precompile_headers(${target} PRIVATE ${LAYER_PRECOMPILES})
  endif()
endfunction()
