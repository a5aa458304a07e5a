#include "host/observe/block_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>

#include "common/files.h"
#include "common/text.h"
#include "tests/support/fake_kernel.h"

using namespace jobward;
using namespace jobward::host;
using test::FakeKernel;
namespace fs = std::filesystem;

namespace {

// The device number of the file system that this lies on, as the kernel writes it.
std::string device_number(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev));
}

// The mount that this lies on, by its number in the first field of mountinfo.
std::string mount_id(const std::string& path) {
  struct statx info {};
  REQUIRE(::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &info) == 0);
  return std::to_string(info.stx_mnt_id);
}

void mountinfo(FakeKernel& kernel, const std::string& id, const std::string& device,
               const std::string& tail) {
  kernel.proc("self/mountinfo", "4000021 25 0:0 / /other rw shared:9 - proc proc rw\n" + id +
                                    " 25 " + device + " / /mnt rw,nosuid shared:1 master:2 - " +
                                    tail + " rw\n");
}

// A whole disk whose node can be looked at: no test opens it.
struct Disk {
  std::string node;
  std::string number;
};
std::optional<Disk> any_disk() {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/sys/class/block", none)) {
    Disk disk{"/dev/" + entry.path().filename().string(), {}};
    const auto number = read_file(entry.path() / "dev");
    if (fs::exists(entry.path() / "partition") || !number || !fs::is_block_file(disk.node, none))
      continue;
    disk.number = trim(*number);
    return disk;
  }
  WARN("no block device in /dev: what is about real ones is not tested");
  return std::nullopt;
}

}  // namespace

TEST_CASE("block_device: A directory and a file are backed by their file system's device") {
  FakeKernel kernel;
  const auto device = device_number(kernel.path(""));
  kernel.directory().write("sys/dev/block/" + device + "/dev", device + "\n");
  CHECK(block_device_of(kernel.roots(), kernel.path("")).value() == device);
  const auto file = kernel.directory().write("work/data", "");
  CHECK(block_device_of(kernel.roots(), file).value() == device);
}

TEST_CASE("block_device: A partition stands for its whole disk") {
  FakeKernel kernel;
  const auto device = device_number(kernel.path(""));
  kernel.directory().write("sys/devices/disk/dev", "259:7\n");
  kernel.directory().write("sys/devices/disk/disk1/partition", "1\n");
  kernel.directory().write("sys/devices/disk/disk1/dev", device + "\n");
  kernel.directory().make_directory("sys/dev/block");
  fs::create_directory_symlink("../../devices/disk/disk1", kernel.path("/sys/dev/block/" + device));
  CHECK(block_device_of(kernel.roots(), kernel.path("")).value() == "259:7");
}

TEST_CASE("block_device: A device node is itself, through a link too") {
  const auto disk = any_disk();
  if (!disk) return;
  CHECK(block_device_of(KernelRoots{}, disk->node).value() == disk->number);
  const test::TemporaryDirectory tmp;
  fs::create_symlink(disk->node, tmp.path("link"));
  CHECK(block_device_of(KernelRoots{}, tmp.path("link")).value() == disk->number);
}

TEST_CASE("block_device: A number that is no block device's is looked up among the mounts") {
  const auto disk = any_disk();
  if (!disk) return;
  FakeKernel kernel;
  const auto id = mount_id(kernel.path(""));
  mountinfo(kernel, id, device_number(kernel.path("")), "bcachefs " + disk->node);
  CHECK(block_device_of(kernel.roots(), kernel.path("")).value() == disk->number);
  mountinfo(kernel, "4000022", "0:9999", "bcachefs " + disk->node);  // another file system's
  CHECK_FALSE(block_device_of(kernel.roots(), kernel.path("")));
}

TEST_CASE("block_device: A subvolume with a device number of its own is found by its mount") {
  const auto disk = any_disk();
  REQUIRE(disk);
  FakeKernel kernel;
  mountinfo(kernel, mount_id(kernel.path("")), "0:9999", "btrfs " + disk->node);
  const auto found = block_device_of(kernel.roots(), kernel.path(""));
  REQUIRE(found);
  CHECK(*found == disk->number);
}

TEST_CASE("block_device: The source of a mount may have a space in its name") {
  const auto disk = any_disk();
  REQUIRE(disk);
  FakeKernel kernel;
  fs::create_symlink(disk->node, kernel.path("/my disk"));
  mountinfo(kernel, mount_id(kernel.path("")), device_number(kernel.path("")),
            "btrfs " + kernel.path("/my\\040disk"));
  const auto found = block_device_of(kernel.roots(), kernel.path(""));
  REQUIRE(found);
  CHECK(*found == disk->number);
}

TEST_CASE(
    "block_device: A file system without a device is an error that names it and the way out") {
  FakeKernel kernel;
  const auto device = device_number(kernel.path(""));
  const auto id = mount_id(kernel.path(""));
  for (const auto* tail : {"overlay overlay", "tmpfs tmpfs", "nfs4 host:/export", "zfs pool/home",
                           "fuse.sshfs /dev/null", "btrfs /dev/jobward-no-such-disk"}) {
    CAPTURE(tail);
    mountinfo(kernel, id, device, tail);
    const auto found = block_device_of(kernel.roots(), kernel.path(""));
    REQUIRE_FALSE(found);
    const std::string type = std::string(tail).substr(0, std::string(tail).find(' '));
    CHECK_THAT(found.error().message(), Catch::Contains(kernel.path("")) &&
                                            Catch::Contains("file system " + type) &&
                                            Catch::Contains("@/dev/"));
  }
}

TEST_CASE("block_device: Without a list of mounts the file system is unknown, not guessed") {
  FakeKernel kernel;
  for (const auto* text : {"", "junk\n", "\n - \n"}) {
    kernel.proc("self/mountinfo", text);
    const auto found = block_device_of(kernel.roots(), kernel.path(""));
    REQUIRE_FALSE(found);
    CHECK_THAT(found.error().message(), Catch::Contains("unknown file system"));
  }
}

TEST_CASE("block_device: A path that is not there is an error that names it") {
  const auto found = block_device_of(KernelRoots{}, "/no/such/path");
  REQUIRE_FALSE(found);
  CHECK(found.error().errnum == ENOENT);
  CHECK_THAT(found.error().message(), Catch::Contains("/no/such/path"));
}

TEST_CASE("block_device: A character device is no disk, wherever its node lies") {
  const auto found = block_device_of(KernelRoots{}, "/dev/null");
  REQUIRE_FALSE(found);
  CHECK_THAT(found.error().message(), Catch::Contains("character device"));
}

TEST_CASE("block_device: The real /proc is on no disk, and is named") {
  const auto found = block_device_of(KernelRoots{}, "/proc");
  REQUIRE_FALSE(found);
  CHECK_THAT(found.error().message(), Catch::Contains("file system proc"));
}
