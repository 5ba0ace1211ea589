namespace Serving.Controller.Routes;

/// <summary>The templates of the configuration give a name that is no domain name.</summary>
internal sealed class DomainNameException(string message, Exception? inner = null) : Exception(message, inner);
