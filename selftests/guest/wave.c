// SPDX-License-Identifier: GPL-2.0-only
/*
 * wave.c - play a marked wave through ALSA's kernel interface
 *
 *   wave DEVICE PERIODS BUFFERED RATE
 *
 * Plays PERIODS periods at RATE frames per second; the card's buffer has BUFFERED periods.
 *
 * A frame of period n is the pair n, f(n, frame); n is not 0.  The kernel silences the
 * periods that it has played, so that a late guest causes a gap and not an old period.
 * selftests/recording.py checks the recording.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sound/asound.h>

#define FRAMES 4096

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void mask_one(struct snd_pcm_hw_params *p, int n, unsigned int bit)
{
	struct snd_mask *m = &p->masks[n - SNDRV_PCM_HW_PARAM_FIRST_MASK];

	memset(m, 0, sizeof(*m));
	m->bits[bit / 32] = 1u << (bit % 32);
}

static void interval_one(struct snd_pcm_hw_params *p, int n, unsigned int value)
{
	struct snd_interval *i = &p->intervals[n - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL];

	memset(i, 0, sizeof(*i));
	i->min = value;
	i->max = value;
	i->integer = 1;
}

static void setup(int fd, unsigned int buffered, unsigned int rate)
{
	struct snd_pcm_sw_params sw = {};
	struct snd_pcm_hw_params hw;
	int n;

	memset(&hw, 0, sizeof(hw));
	for (n = 0; n <= SNDRV_PCM_HW_PARAM_LAST_MASK - SNDRV_PCM_HW_PARAM_FIRST_MASK; n++)
		memset(&hw.masks[n], 0xff, sizeof(hw.masks[n]));
	for (n = 0; n <= SNDRV_PCM_HW_PARAM_LAST_INTERVAL - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL; n++)
		hw.intervals[n].max = UINT32_MAX;
	hw.rmask = UINT32_MAX;
	mask_one(&hw, SNDRV_PCM_HW_PARAM_ACCESS, SNDRV_PCM_ACCESS_RW_INTERLEAVED);
	mask_one(&hw, SNDRV_PCM_HW_PARAM_FORMAT, SNDRV_PCM_FORMAT_S16_LE);
	mask_one(&hw, SNDRV_PCM_HW_PARAM_SUBFORMAT, SNDRV_PCM_SUBFORMAT_STD);
	interval_one(&hw, SNDRV_PCM_HW_PARAM_CHANNELS, 2);
	interval_one(&hw, SNDRV_PCM_HW_PARAM_RATE, rate);
	interval_one(&hw, SNDRV_PCM_HW_PARAM_PERIOD_SIZE, FRAMES);
	interval_one(&hw, SNDRV_PCM_HW_PARAM_PERIODS, buffered);
	if (ioctl(fd, SNDRV_PCM_IOCTL_HW_PARAMS, &hw))
		die("hw_params");

	/* the first call is needed to get the boundary */
	sw.avail_min = FRAMES;
	sw.start_threshold = buffered * FRAMES;
	sw.stop_threshold = buffered * FRAMES;
	if (ioctl(fd, SNDRV_PCM_IOCTL_SW_PARAMS, &sw))
		die("sw_params");
	sw.silence_size = sw.boundary;
	if (ioctl(fd, SNDRV_PCM_IOCTL_SW_PARAMS, &sw))
		die("sw_params, silence");
}

/* Returns the number of frames accepted; prepares the stream again after an underrun. */
static snd_pcm_uframes_t play(int fd, void *from, snd_pcm_uframes_t frames, int *late)
{
	struct snd_xferi xfer = { .buf = from, .frames = frames };

	if (!ioctl(fd, SNDRV_PCM_IOCTL_WRITEI_FRAMES, &xfer))
		return xfer.result;
	if (errno != EPIPE)
		die("write");
	++*late;
	if (ioctl(fd, SNDRV_PCM_IOCTL_PREPARE))
		die("prepare");
	return 0;
}

/*
 * Waits for the underrun that follows the last frame.  SNDRV_PCM_IOCTL_DRAIN would give up
 * soon after the playing time of the buffer.  A stream that was prepared again starts by
 * itself only with a full buffer, so start it here.
 */
static void play_out(int fd)
{
	struct pollfd never = { .fd = -1 };
	struct snd_pcm_status status;
	int i;

	for (i = 0; i < 600; i++) {
		if (ioctl(fd, SNDRV_PCM_IOCTL_STATUS, &status))
			die("status");
		if (status.state == SNDRV_PCM_STATE_PREPARED) {
			if (ioctl(fd, SNDRV_PCM_IOCTL_START))
				die("start");
		} else if (status.state != SNDRV_PCM_STATE_RUNNING) {
			return;
		}
		poll(&never, 1, 100);
	}
	fprintf(stderr, "it never ended: state %d\n", status.state);
	exit(1);
}

int main(int argc, char **argv)
{
	static uint16_t period[FRAMES][2];
	snd_pcm_uframes_t done;
	int fd, n, i, count, late = 0;

	if (argc != 5)
		return 2;
	count = atoi(argv[2]);
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		die(argv[1]);
	setup(fd, atoi(argv[3]), atoi(argv[4]));
	if (ioctl(fd, SNDRV_PCM_IOCTL_PREPARE))
		die("prepare");
	for (n = 1; n <= count; n++) {
		for (i = 0; i < FRAMES; i++) {
			period[i][0] = n;
			period[i][1] = (n * 40503 + i * 25173) & 0x7fff;
		}
		/* one deliberate underrun before the last period, which is the hardest place */
		if (n == count)
			play_out(fd);
		for (done = 0; done < FRAMES;)
			done += play(fd, &period[done], FRAMES - done, &late);
	}
	play_out(fd);
	printf("%d periods, %d times late\n", count, late);
	return 0;
}
