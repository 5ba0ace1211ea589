using System.Net;

namespace Serving.Kubernetes.Client.Handlers;

/// <summary>Sets a <see cref="ResponseSignal"/> when the API server responds; responses of a proxy in between do not count.</summary>
internal sealed class ResponseSignalHandler(ResponseSignal signal) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode is not (HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout))
        {
            signal.Set();
        }

        return response;
    }
}
