package scaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "plumbline/internal/cluster/scaler/externalscaler"
	"plumbline/internal/wording"
)

// metricName is what KEDA knows the answer by. Its target is 1: one of the metric is one Job.
const (
	metricName   = "plumbline-jobs"
	metricTarget = 1
)

// service is KEDA's ExternalScaler.
type service struct {
	pb.UnimplementedExternalScalerServer
	scaler *Scaler
}

// GetMetricSpec never fails: KEDA passes over a trigger without a specification in silence, while it tells an error of
// GetMetrics in the ScaledJob's Events and conditions.
func (s service) GetMetricSpec(context.Context, *pb.ScaledObjectRef) (*pb.GetMetricSpecResponse, error) {
	return &pb.GetMetricSpecResponse{MetricSpecs: []*pb.MetricSpec{
		{MetricName: metricName, TargetSize: metricTarget, TargetSizeFloat: metricTarget},
	}}, nil
}

// GetMetrics decides anew.
func (s service) GetMetrics(ctx context.Context, r *pb.GetMetricsRequest) (*pb.GetMetricsResponse, error) {
	if name := r.GetMetricName(); name != metricName {
		return nil, status.Errorf(codes.InvalidArgument, "there is no metric %q; there is %s", name, metricName)
	}
	d, err := s.decide(ctx, r.GetScaledObjectRef())
	if err != nil {
		return nil, err
	}
	return &pb.GetMetricsResponse{MetricValues: []*pb.MetricValue{
		{MetricName: metricName, MetricValue: int64(d.Answer), MetricValueFloat: float64(d.Answer)},
	}}, nil
}

// onePoll is how long a decision stands for IsActive: KEDA asks for it right after the metric, and polls once a second at
// most. A decision of its own could differ from the one that gave the metric.
const onePoll = 500 * time.Millisecond

// IsActive says whether Jobs are wanted.
func (s service) IsActive(ctx context.Context, r *pb.ScaledObjectRef) (*pb.IsActiveResponse, error) {
	if d, ok := s.scaler.justDecided(r.GetNamespace(), r.GetName(), r.GetScalerMetadata()); ok {
		return &pb.IsActiveResponse{Result: d.Answer > 0}, nil
	}
	d, err := s.decide(ctx, r)
	if err != nil {
		return nil, err
	}
	return &pb.IsActiveResponse{Result: d.Answer > 0}, nil
}

// streamEvery is how often a stream looks whether its answer has changed.
const streamEvery = time.Second

// StreamIsActive says at once whether Jobs are wanted, and again whenever that changes. KEDA asks it for ScaledObjects only.
func (s service) StreamIsActive(r *pb.ScaledObjectRef, out grpc.ServerStreamingServer[pb.IsActiveResponse]) error {
	look := time.NewTicker(streamEvery)
	defer look.Stop()
	for told, active := false, false; ; {
		now, err := s.IsActive(out.Context(), r)
		if err != nil {
			return err
		}
		if !told || now.GetResult() != active {
			told, active = true, now.GetResult()
			if err := out.Send(now); err != nil {
				return err //nolint:wrapcheck // gRPC's own, and it reads its code
			}
		}
		select {
		case <-look.C:
		case <-out.Context().Done():
			return nil
		}
	}
}

// decide tells errors in gRPC's codes. They show in KEDA's Events.
func (s service) decide(ctx context.Context, r *pb.ScaledObjectRef) (Decision, error) {
	d, err := s.scaler.Decide(ctx, r.GetNamespace(), r.GetName(), r.GetScalerMetadata())
	switch {
	case err == nil:
		return d, nil
	case errors.As(err, new(MetadataError)):
		return d, status.Error(codes.InvalidArgument, wording.OneLine(err))
	case errors.Is(err, ErrNoScaledJob):
		return d, status.Error(codes.NotFound, fmt.Sprintf("%v that plumbline control sees (does it watch that namespace?)", err))
	}
	return d, status.Error(codes.Internal, wording.OneLine(err))
}
