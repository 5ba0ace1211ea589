using System.Net;
using Microsoft.AspNetCore.Http;

namespace Serving.Networking.Gateway;

/// <summary>
/// The activator of this very process. The gateway hands it requests whose chosen endpoint is this activator, so that
/// they are held where they arrived, without a connection in between.
/// </summary>
public interface ILocalActivator
{
    /// <summary>The address that stands for this activator in the Endpoints of <c>activator-service</c>.</summary>
    IPAddress Address { get; }

    /// <summary>Holds the request until the Revision has room for it, forwards it and fills the response.</summary>
    ValueTask HandleAsync(HttpContext context, string ns, string revision);
}
