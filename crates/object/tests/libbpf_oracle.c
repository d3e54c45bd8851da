// SPDX-License-Identifier: MIT OR Apache-2.0
// What libbpf hands to the kernel for an object, as lines of text. Linked against libbpf.a, whose bpf(2) calls come
// through `syscall` below: maps and programs are written down and pretended to exist, all else goes to the kernel.
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int recording;
static const char *map_of_fd[65536];

static long raw(long n, long a, long b, long c, long d, long e, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	if (r < 0) {
		errno = -r;
		return -1;
	}
	return r;
}

static void hex(const unsigned char *bytes, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

static int pretend(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static long bpf_call(int cmd, union bpf_attr *attr, unsigned size)
{
	if (recording && cmd == BPF_MAP_CREATE && attr->map_name[0] && strncmp(attr->map_name, "libbpf_", 7)) {
		int fd = pretend();
		map_of_fd[fd] = strdup(attr->map_name);
		printf("map %d %s %u %u %u %u %u %llu\n", fd, attr->map_name, attr->map_type, attr->key_size, attr->value_size,
		       attr->max_entries, attr->map_flags, (unsigned long long)attr->map_extra);
		return fd;
	}
	if (recording && cmd == BPF_MAP_UPDATE_ELEM && map_of_fd[attr->map_fd])
		return 0;
	if (recording && cmd == BPF_MAP_FREEZE && map_of_fd[attr->map_fd]) {
		printf("freeze %s\n", map_of_fd[attr->map_fd]);
		return 0;
	}
	if (recording && cmd == BPF_PROG_LOAD && attr->prog_name[0] && strncmp(attr->prog_name, "libbpf_", 7)) {
		printf("prog %s %u %u %u ", attr->prog_name, attr->prog_type, attr->expected_attach_type, attr->prog_flags);
		hex((void *)attr->insns, attr->insn_cnt * 8);
		printf(" funcs ");
		hex((void *)attr->func_info, attr->func_info_cnt * attr->func_info_rec_size);
		printf(" lines ");
		hex((void *)attr->line_info, attr->line_info_cnt * attr->line_info_rec_size);
		printf("\n");
		return pretend();
	}
	return raw(SYS_bpf, cmd, (long)attr, size, 0, 0, 0);
}

long syscall(long n, ...)
{
	va_list args;
	long a[6];

	va_start(args, n);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (n == SYS_bpf)
		return bpf_call(a[0], (void *)a[1], a[2]);
	return raw(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN && getenv("ORACLE_WARN") ? vfprintf(stderr, format, args) : 0;
}

// Loads one object with all of its programs. `PATH=BTF` names the kernel types to relocate against.
static int load(char *path)
{
	char *btf = strchr(path, '=');
	LIBBPF_OPTS(bpf_object_open_opts, options);

	if (btf) {
		*btf = 0;
		options.btf_custom_path = btf + 1;
	}
	struct bpf_object *object = bpf_object__open_file(path, &options);
	struct bpf_program *prog;
	int err;

	if (!object)
		return -errno;
	bpf_object__for_each_program(prog, object)
	{
		bpf_program__set_autoload(prog, true);
		if (bpf_program__type(prog) == BPF_PROG_TYPE_UNSPEC)
			bpf_program__set_type(prog, BPF_PROG_TYPE_SOCKET_FILTER);
	}
	// There is nothing to pin.
	struct bpf_map *map;
	bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
	memset(map_of_fd, 0, sizeof(map_of_fd));
	recording = 1;
	err = bpf_object__load(object);
	recording = 0;
	// No close: it would only free memory, of a process that ends.
	return err;
}

int main(int argc, char **argv)
{
	libbpf_set_print(quiet);
	for (int i = 1; i < argc; i++) {
		enum bpf_prog_type type = 0;
		enum bpf_attach_type attach = 0;
		if (!strncmp(argv[i], "section:", 8)) {
			// What libbpf does not know stays out.
			if (!libbpf_prog_type_by_name(argv[i] + 8, &type, &attach))
				printf("section %s %u %u\n", argv[i] + 8, type, attach);
			continue;
		}
		printf("object %s\n", argv[i]);
		printf("end %d\n", load(argv[i]));
	}
	return 0;
}
