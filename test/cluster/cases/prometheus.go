//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"plumbline/test/cluster/system"
)

// query asks Prometheus and gives a value for each node.
func query(ctx context.Context, q string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, system.PrometheusURL+"/api/v1/query?query="+url.QueryEscape(q), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("reading Prometheus' answer: %w", err)
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		if values[r.Metric["node"]], err = strconv.ParseFloat(text, 64); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// awaitLoads waits until Prometheus knows these loads; a negative one stands for none.
func (w *World) awaitLoads(ctx context.Context, wanted map[string]float64) error {
	return system.Await(ctx, slow, "Prometheus knows the loads", func(ctx context.Context) error {
		known, err := query(ctx, "plumbline_gpu_utilization_ratio")
		if err != nil {
			return err
		}
		var wrong []error
		for node, ratio := range wanted {
			is, there := known[node]
			if there != (ratio >= 0) || there && math.Abs(is-ratio) > 0.005 {
				wrong = append(wrong, fmt.Errorf("%s is %v (known: %v), not %v", node, is, there, ratio))
			}
		}
		return errors.Join(wrong...)
	})
}

// awaitSamples waits until every real node is known to have this load.
func (w *World) awaitSamples(ctx context.Context, ratio float64) error {
	wanted := map[string]float64{}
	for _, node := range w.Nodes {
		wanted[node] = ratio
	}
	return w.awaitLoads(ctx, wanted)
}

// load sets loads and waits until Prometheus knows them, and until no older sample is in the controller's mean.
func (w *World) load(ctx context.Context, loads map[string]float64) error {
	if err := w.SetLoads(loads); err != nil {
		return err
	}
	if err := w.awaitLoads(ctx, loads); err != nil {
		return err
	}
	return wait(ctx, loadWindow+loadEvery+time.Second)
}
