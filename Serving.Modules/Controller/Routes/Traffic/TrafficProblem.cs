using Serving.Api.Knative;

namespace Serving.Controller.Routes.Traffic;

/// <summary>A target that traffic cannot go to: how the Route's status says so, and whether waiting may help.</summary>
internal sealed record TrafficProblem(bool IsFailure, Func<RouteStatus, DateTimeOffset, RouteStatus> Mark);
