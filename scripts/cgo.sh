# Sourced by make's recipes: where libturbojpeg's header is not installed but lies unpacked in .tools, cgo is told so.
if [ -e .tools/turbojpeg/native/include/turbojpeg.h ]; then
  export CGO_CFLAGS="-O2 -g -I$PWD/.tools/turbojpeg/native/include"
  export CGO_LDFLAGS="-O2 -g -L$PWD/.tools/turbojpeg/native/lib"
fi
