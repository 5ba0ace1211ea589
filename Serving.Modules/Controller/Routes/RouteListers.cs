using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Kubernetes.Informers;

namespace Serving.Controller.Routes;

/// <summary>The caches that the Route reconciler reads.</summary>
internal sealed record RouteListers(
    ILister<Route> Routes,
    ILister<Configuration> Configurations,
    ILister<Revision> Revisions,
    ILister<CoreService> Services,
    ILister<Endpoints> Endpoints,
    ILister<Ingress> Ingresses,
    ILister<Certificate> Certificates
);
