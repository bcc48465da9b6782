/* SPDX-License-Identifier: GPL-2.0 */
/* A function's way through VFIO's hands and back, for any IOMMU. */
#ifndef CYCLES_H
#define CYCLES_H

#include "steps.h"

/* What unmapping has to bring depends on the IOMMU: each program has its own. */
static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v);

/* By its own interface, and by iommufd. */
static inline void type1_cycle(struct __test_metadata *_metadata, struct bench *b)
{
	check(_metadata, &b->f, NULL, "default", TRANSLATED);
	ASSERT_EQ(0, vfio_claim(&b->v, &b->f));
	check(_metadata, &b->f, &b->v, "blocked", BLOCKED);
	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	check(_metadata, &b->f, &b->v, "attached", TRANSLATED);
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap(_metadata, &b->f, &b->v);
	vfio_close(&b->v);
	check(_metadata, &b->f, &b->v, "released", TRANSLATED);
}

static inline void iommufd_cycle(struct __test_metadata *_metadata, struct bench *b)
{
	check(_metadata, &b->f, NULL, "default", TRANSLATED);
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	check(_metadata, &b->f, &b->v, "blocked", BLOCKED);
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	check(_metadata, &b->f, &b->v, "attached", TRANSLATED);
	check_told(_metadata, &b->f, iommufd_not_supported(&b->v));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap(_metadata, &b->f, &b->v);
	ASSERT_EQ(0, iommufd_detach(&b->v));
	check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	vfio_close(&b->v);
	check(_metadata, &b->f, &b->v, "released", TRANSLATED);
}

#endif
