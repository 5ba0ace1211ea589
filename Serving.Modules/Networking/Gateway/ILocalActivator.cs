using System.Net;
using Microsoft.AspNetCore.Http;

namespace Serving.Networking.Gateway;

/// <summary>
/// The activator in this process. The gateway passes it requests whose selected endpoint is this activator, so that they are held without
/// another network hop.
/// </summary>
public interface ILocalActivator
{
    /// <summary>The address of this activator in the Endpoints of <c>activator-service</c>.</summary>
    IPAddress Address { get; }

    /// <summary>Holds the request until the Revision has capacity, forwards it and writes the response.</summary>
    ValueTask HandleAsync(HttpContext context, string ns, string revision);
}
