using System.Net;
using Microsoft.AspNetCore.Http;
using Serving.Activator;
using Serving.Networking.Gateway;

namespace Serving.Host.Composition;

/// <summary>Lets the gateway call the activator in the same process.</summary>
internal sealed class LocalActivator(ActivatorModule activator) : ILocalActivator
{
    public IPAddress Address => activator.Address;

    public ValueTask HandleAsync(HttpContext context, string ns, string revision) => activator.HandleAsync(context, ns, revision);
}
