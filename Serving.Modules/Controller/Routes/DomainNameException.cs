namespace Serving.Controller.Routes;

/// <summary>The templates of the configuration yield an invalid domain name.</summary>
internal sealed class DomainNameException(string message, Exception? inner = null) : Exception(message, inner);
