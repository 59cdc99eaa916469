// A stand-in for libnvidia-ml.so.1: it keeps the C interface and takes its figures from the file that FAKE_NVML names, one
// GPU a line: utilization, used bytes, total bytes, name. A negative figure is the code of the error to answer with.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned int gpu, memory; } utilization;
typedef struct { unsigned long long total, free, used; } memory;
struct gpu { long long rate, used, total; char name[96]; };

static int gpus(struct gpu *all) {
	FILE *f = fopen(getenv("FAKE_NVML"), "r");
	if (f == NULL) return -9;
	int n = 0;
	while (n < 8 && fscanf(f, "%lld %lld %lld %95[^\n]", &all[n].rate, &all[n].used, &all[n].total, all[n].name) == 4) n++;
	fclose(f);
	return n;
}
static int find(void *d, struct gpu *g) {
	struct gpu all[8];
	long i = (long)d - 1;
	int n = gpus(all);
	if (n < 0 || i >= n) return 15; // NVML_ERROR_GPU_IS_LOST
	*g = all[i];
	return 0;
}
int nvmlInit_v2(void) { struct gpu all[8]; int n = gpus(all); return n < 0 ? -n : 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *n) { struct gpu all[8]; int k = gpus(all); if (k < 0) return -k; *n = k; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **d) { struct gpu g; *d = (void *)(long)(i + 1); return find(*d, &g); }
int nvmlDeviceGetName(void *d, char *s, unsigned int n) { struct gpu g; int e = find(d, &g); if (!e) snprintf(s, n, "%s", g.name); return e; }
int nvmlDeviceGetUUID(void *d, char *s, unsigned int n) { snprintf(s, n, "GPU-%ld", (long)d); return 0; }
int nvmlDeviceGetUtilizationRates(void *d, utilization *u) {
	struct gpu g;
	int e = find(d, &g);
	if (e) return e;
	if (g.rate < 0) return -g.rate;
	u->gpu = g.rate;
	return 0;
}
int nvmlDeviceGetMemoryInfo(void *d, memory *m) {
	struct gpu g;
	int e = find(d, &g);
	if (e) return e;
	if (g.total < 0) return -g.total;
	m->total = g.total, m->used = g.used, m->free = g.total - g.used;
	return 0;
}
const char *nvmlErrorString(int e) { return e == 3 ? "Not Supported" : e == 9 ? "Driver Not Loaded" : e == 15 ? "GPU is lost" : "Unknown Error"; }
