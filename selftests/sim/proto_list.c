// SPDX-License-Identifier: GPL-2.0-only
/* all protocols, in the order in which their results are printed */
#include "world.h"

extern const struct sim_proto sim_proto_nvme, sim_proto_nvme_polled,
	sim_proto_nvme_named, sim_proto_nvme_shadow, sim_proto_ring,
	sim_proto_ring_extended, sim_proto_small_buffer, sim_proto_read_buffer,
	sim_proto_contended, sim_proto_shared, sim_proto_words, sim_proto_publish, sim_proto_alias,
	sim_proto_bridge, sim_proto_churn, sim_proto_lazy, sim_proto_sound, sim_proto_mlx5,
	sim_proto_beat, sim_proto_noise, sim_proto_rewritten,
	sim_proto_virtio_split, sim_proto_virtio_packed,
	sim_proto_xhci, sim_proto_ehci, sim_proto_packet_split, sim_proto_descriptors,
	sim_proto_memory_bar, sim_proto_filling, sim_proto_r8169, sim_proto_index,
	sim_proto_e100_sync,
	/* known to be wrong without a profile (Documentation/profiles.rst) */
	sim_proto_xhci_plain, sim_proto_ehci_plain, sim_proto_ehci_unlink,
	sim_proto_r8169_plain, sim_proto_index_plain, sim_proto_e100;

const struct sim_proto *const sim_protos[] = {
	&sim_proto_nvme,
	&sim_proto_nvme_polled,
	&sim_proto_nvme_named,
	&sim_proto_nvme_shadow,
	&sim_proto_ring,
	&sim_proto_ring_extended,
	&sim_proto_small_buffer,
	&sim_proto_read_buffer,
	&sim_proto_contended,
	&sim_proto_shared,
	&sim_proto_words,
	&sim_proto_publish,
	&sim_proto_alias,
	&sim_proto_bridge,
	&sim_proto_churn,
	&sim_proto_lazy,
	&sim_proto_sound,
	&sim_proto_mlx5,
	&sim_proto_beat,
	&sim_proto_noise,
	&sim_proto_rewritten,
	&sim_proto_virtio_split,
	&sim_proto_virtio_packed,
	&sim_proto_xhci,
	&sim_proto_ehci,
	&sim_proto_packet_split,
	&sim_proto_descriptors,
	&sim_proto_memory_bar,
	&sim_proto_filling,
	&sim_proto_index,
	&sim_proto_e100_sync,
	/* sound, except in the build without a 16-byte exchange */
	&sim_proto_r8169,
	&sim_proto_xhci_plain,
	&sim_proto_ehci_plain,
	&sim_proto_ehci_unlink,
	&sim_proto_r8169_plain,
	&sim_proto_index_plain,
	&sim_proto_e100,
};

const u32 sim_nprotos = ARRAY_SIZE(sim_protos);
