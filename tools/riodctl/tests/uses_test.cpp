// SPDX-License-Identifier: GPL-2.0-only
// Detection of uses, on trees of files.
#include <algorithm>

#include <gtest/gtest.h>

#include "fake.hpp"

namespace riodctl::test {
namespace {

constexpr const char *nvme = "0000:03:00.0";
constexpr const char *disk_real = "sys/devices/pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1";

class Uses : public testing::Test {
protected:
	void mountinfo(const std::string &text) { host.file("proc/self/mountinfo", text); }

	std::string found()
	{
		std::string all;

		for (const auto &use : find_uses(host.sysfs, host.probes, device))
			all += use.what + " | " + use.remedy + "\n";
		return all;
	}

	bool says(const std::string &text)
	{
		const std::string all = found();

		if (all.find(text) != std::string::npos)
			return true;
		ADD_FAILURE() << "not said: " << text << "\nbut: " << all;
		return false;
	}

	Host host;
	PciDevice device = host.add_pci({.address = nvme, .driver = "nvme"});
};

TEST_F(Uses, IdleDiskIsFree)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_partition(nvme, "nvme0n1", "nvme0n1p1", "259:1");
	mountinfo("22 27 8:1 / /mnt rw - ext4 /dev/sda1 rw\n");
	EXPECT_EQ(found(), "");
}

TEST_F(Uses, OtherDisksDoNotMatter)
{
	host.add_pci({.address = "0000:03:00.1", .driver = "nvme"});
	host.add_disk("0000:03:00.1", "nvme1n1", "259:0");
	mountinfo("22 27 259:0 / / rw - ext4 /dev/nvme1n1 rw\n");
	EXPECT_EQ(found(), "");
}

TEST_F(Uses, MountedPartition)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_partition(nvme, "nvme0n1", "nvme0n1p1", "259:1");
	mountinfo("22 27 259:1 / /mnt/a\\040b rw shared:1 - ext4 /dev/nvme0n1p1 rw\n");
	EXPECT_TRUE(says("nvme0n1p1 is mounted on /mnt/a b | umount /mnt/a b"));
}

TEST_F(Uses, DiskTheSystemRunsFrom)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_partition(nvme, "nvme0n1", "nvme0n1p1", "259:1");
	mountinfo("22 1 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n");
	EXPECT_TRUE(says("mounted on /boot/efi: this system runs from it"));
}

TEST_F(Uses, LogicalVolumeOnAPartition)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_partition(nvme, "nvme0n1", "nvme0n1p2", "259:2");
	host.add_disk("", "dm-0", "254:0");
	host.file("sys/devices/virtual/block/dm-0/dm/name", "vg-root\n");
	host.add_holder(std::string(disk_real) + "/nvme0n1p2", "dm-0");
	mountinfo("22 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n");
	EXPECT_TRUE(says("dm-0 on nvme0n1p2 is mounted on /: this system runs from it"));
}

TEST_F(Uses, StackOfRaidAndVolume)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_disk("", "md0", "9:0");
	host.mkdir("sys/devices/virtual/block/md0/md");
	host.add_disk("", "dm-1", "254:1");
	host.add_holder(disk_real, "md0");
	host.add_holder("sys/devices/virtual/block/md0", "dm-1");
	mountinfo("22 1 254:1 / /srv rw - xfs /dev/mapper/data rw\n");
	EXPECT_TRUE(says("dm-1 on md0 on nvme0n1 is mounted on /srv"));
}

TEST_F(Uses, AssembledRaidWithoutAMount)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_disk("", "md0", "9:0");
	host.mkdir("sys/devices/virtual/block/md0/md");
	host.add_holder(disk_real, "md0");
	EXPECT_TRUE(says("nvme0n1 is part of md0 | mdadm --stop /dev/md0"));
}

TEST_F(Uses, HoldersInACircleEnd)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_disk("", "dm-0", "254:0");
	host.add_holder(disk_real, "dm-0");
	host.add_holder("sys/devices/virtual/block/dm-0", "dm-0");
	EXPECT_TRUE(says("nvme0n1 is part of dm-0"));
}

TEST_F(Uses, SwapPartition)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_partition(nvme, "nvme0n1", "nvme0n1p3", "259:3");
	host.file("dev/nvme0n1p3", "");
	host.file("proc/swaps", "Filename\tType\tSize\n/dev/nvme0n1p3   partition\t1\t0\t-2\n");
	EXPECT_TRUE(says("nvme0n1p3 is swap space | swapoff /dev/nvme0n1p3"));
}

TEST_F(Uses, BtrfsIsFoundByName)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.file("dev/nvme0n1", "");
	mountinfo("22 1 0:31 /@ /data rw - btrfs /dev/nvme0n1 rw\n");
	EXPECT_TRUE(says("nvme0n1 is mounted on /data"));
}

TEST_F(Uses, MapperLinkIsFollowed)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_disk("", "dm-0", "254:0");
	host.add_holder(disk_real, "dm-0");
	host.file("dev/dm-0", "");
	host.link("dev/mapper/pool", "dev/dm-0");
	mountinfo("22 1 0:31 / /pool rw - btrfs /dev/mapper/pool rw\n");
	EXPECT_TRUE(says("dm-0 on nvme0n1 is mounted on /pool"));
}

TEST_F(Uses, MultipathHeadIsWhatIsMounted)
{
	host.add_disk(nvme, "nvme0c0n1", "0:0");
	host.add_disk("", "nvme0n1", "259:0");
	mountinfo("22 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	EXPECT_TRUE(says("nvme0n1 is mounted on /srv"));
}

TEST_F(Uses, ClaimedElsewhere)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.claimed_nodes = {"nvme0n1"};
	EXPECT_TRUE(says("nvme0n1 is in use, by a mount in another namespace"));
}

TEST_F(Uses, OpenInAProgramButNotInUdev)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	host.add_process(41, "(udev-worker)", "/dev/nvme0n1");
	EXPECT_EQ(found(), "");
	host.add_process(42, "dd", "/dev/nvme0n1");
	EXPECT_TRUE(says("nvme0n1 is open in dd (pid 42)"));
}

TEST_F(Uses, InterfaceUpWithAddress)
{
	host.add_net(nvme, "eth0", 0x1003);
	EXPECT_EQ(found(), "");
	host.addresses["eth0"] = {"192.0.2.7"};
	EXPECT_TRUE(says("interface eth0 is up with 192.0.2.7 | ip link set eth0 down"));
}

TEST_F(Uses, InterfaceDownIsFree)
{
	host.add_net(nvme, "eth0", 0x1002);
	host.addresses["eth0"] = {"192.0.2.7"};
	EXPECT_EQ(found(), "");
}

TEST_F(Uses, InterfaceInABridgeAlsoWhenDown)
{
	host.add_net(nvme, "eth0", 0x1002);
	host.mkdir("sys/devices/virtual/net/br0");
	host.link("sys/devices/pci0000:00/0000:03:00.0/net/eth0/master",
		  "sys/devices/virtual/net/br0");
	host.link("sys/devices/pci0000:00/0000:03:00.0/net/eth0/upper_br0",
		  "sys/devices/virtual/net/br0");
	EXPECT_EQ(found(), "interface eth0 belongs to br0 | ip link set eth0 nomaster\n");
}

TEST_F(Uses, InterfaceWithAVlan)
{
	host.add_net(nvme, "eth0", 0x1003);
	host.mkdir("sys/devices/pci0000:00/0000:03:00.0/net/eth0/upper_eth0.5");
	EXPECT_TRUE(says("interface eth0 carries eth0.5"));
}

TEST_F(Uses, InterfaceInAnotherNamespace)
{
	const PciDevice nic =
		host.add_pci({.address = "0000:04:00.0", .driver = "igb", .class_code = 0x020000});
	const PciDevice given = host.add_pci(
		{.address = "0000:04:00.1", .driver = "vfio-pci", .class_code = 0x020000});

	ASSERT_EQ(find_uses(host.sysfs, host.probes, nic).size(), 1U);
	EXPECT_TRUE(find_uses(host.sysfs, host.probes, given).empty());
}

TEST_F(Uses, GuestThroughVfio)
{
	host.add_process(4242, "qemu-system-x86", "/dev/vfio/7");
	EXPECT_TRUE(says("through VFIO: qemu-system-x86 (pid 4242)"));
}

TEST_F(Uses, GuestThroughIommufd)
{
	host.mkdir("sys/devices/pci0000:00/0000:03:00.0/vfio-dev/vfio3");
	host.add_process(4242, "qemu-system-x86", "/dev/vfio/devices/vfio3");
	EXPECT_TRUE(says("qemu-system-x86 (pid 4242)"));
}

TEST_F(Uses, VirtualFunctions)
{
	host.file("sys/devices/pci0000:00/0000:03:00.0/sriov_numvfs", "2\n");
	EXPECT_TRUE(says("2 virtual functions"));
}

TEST_F(Uses, GarbageInProcDoesNotHurt)
{
	host.add_disk(nvme, "nvme0n1", "259:0");
	mountinfo("\n22\nx y z\n\\9\n22 1 259:0 / /a\\9bc - ext4\n");
	host.file("proc/swaps", "");
	EXPECT_TRUE(says("nvme0n1 is mounted on /a\\9bc"));
}

} // namespace
} // namespace riodctl::test
